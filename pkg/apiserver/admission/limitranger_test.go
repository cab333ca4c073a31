package admission

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

func (w *world) limits(name string, items ...corev1.LimitRangeItem) {
	l := &corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: items}}
	l.Namespace, l.Name = "ns", name
	storetest.Put(w, w.store, core.LimitRange, l)
}

func TestLimitDefaults(t *testing.T) {
	w := newWorld(t)
	w.limits("defaults", corev1.LimitRangeItem{
		Type:           corev1.LimitTypeContainer,
		Default:        amounts("cpu", "1", "memory", "1Gi"),
		DefaultRequest: amounts("cpu", "100m", "memory", "1Gi"),
	})
	pod := newPod(func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests = amounts("cpu", "500m")
		p.Spec.InitContainers = []corev1.Container{{Name: "i", Resources: corev1.ResourceRequirements{Limits: amounts("cpu", "2", "memory", "2Gi")}}}
	})
	if err := w.admit(attributes(request.Create, core.Pod, pod, nil)); err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		name      string
		got, want corev1.ResourceList
	}{
		{"requests", pod.Spec.Containers[0].Resources.Requests, amounts("cpu", "500m", "memory", "1Gi")},
		{"limits", pod.Spec.Containers[0].Resources.Limits, amounts("cpu", "1", "memory", "1Gi")},
		{"init requests", pod.Spec.InitContainers[0].Resources.Requests, amounts("cpu", "100m", "memory", "1Gi")},
		{"init limits", pod.Spec.InitContainers[0].Resources.Limits, amounts("cpu", "2", "memory", "2Gi")},
	} {
		if !equality.Semantic.DeepEqual(part.got, part.want) {
			t.Errorf("%s: %v, want %v", part.name, part.got, part.want)
		}
	}
	const note = "LimitRanger plugin set: memory request for container c; cpu, memory limit for container c; cpu, memory request for init container i"
	if got := pod.Annotations[limitAnnotation]; got != note {
		t.Errorf("annotation %q", got)
	}
	full := newPod(func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: amounts("cpu", "1", "memory", "1Gi"), Limits: amounts("cpu", "1", "memory", "1Gi")}
	})
	if err := w.admit(attributes(request.Create, core.Pod, full, nil)); err != nil || full.Annotations != nil {
		t.Errorf("where nothing is to be set: %v, %v", err, full.Annotations)
	}
}

func TestLimitBounds(t *testing.T) {
	container := func(i corev1.LimitRangeItem) corev1.LimitRangeItem { i.Type = corev1.LimitTypeContainer; return i }
	least, most := container(corev1.LimitRangeItem{Min: amounts("cpu", "100m")}), container(corev1.LimitRangeItem{Max: amounts("cpu", "1")})
	ratio := container(corev1.LimitRangeItem{MaxLimitRequestRatio: amounts("cpu", "2")})
	whole := corev1.LimitRangeItem{Type: corev1.LimitTypePod, Max: amounts("memory", "2Gi")}
	with := func(requests, limits corev1.ResourceList) *corev1.Pod {
		return newPod(func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: requests, Limits: limits}
		})
	}
	two := with(nil, amounts("memory", "1500Mi"))
	two.Spec.Containers = append(two.Spec.Containers, two.Spec.Containers[0])
	for _, test := range []struct {
		item corev1.LimitRangeItem
		pod  *corev1.Pod
		want string // empty: admitted
	}{
		{least, with(amounts("cpu", "100m"), nil), ""},
		{least, with(nil, nil), `pods "web" is forbidden: minimum cpu usage per Container is 100m.  No request is specified`},
		{least, with(amounts("cpu", "50m"), nil), "minimum cpu usage per Container is 100m, but request is 50m"},
		{least, with(amounts("cpu", "100m"), amounts("cpu", "50m")), "minimum cpu usage per Container is 100m, but limit is 50m"},
		{most, with(nil, amounts("cpu", "1")), ""},
		{most, with(nil, nil), "maximum cpu usage per Container is 1.  No limit is specified"},
		{most, with(nil, amounts("cpu", "2")), "maximum cpu usage per Container is 1, but limit is 2"},
		{most, with(amounts("cpu", "2"), amounts("cpu", "1")), "maximum cpu usage per Container is 1, but request is 2"},
		{ratio, with(amounts("cpu", "500m"), amounts("cpu", "1")), ""},
		{ratio, with(nil, amounts("cpu", "1")), "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"},
		{ratio, with(amounts("cpu", "1"), nil), "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0"},
		{ratio, with(amounts("cpu", "300m"), amounts("cpu", "1")), "cpu max limit to request ratio per Container is 2, but provided ratio is 3.333333"},
		{whole, with(nil, amounts("memory", "1500Mi")), ""},
		{whole, two, "maximum memory usage per Pod is 2Gi, but limit is 3000Mi"},
	} {
		limits := &corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{test.item}}}
		err := checkPod(test.pod, limits)
		if test.want == "" && err != nil {
			t.Errorf("refused: %v", err)
		}
		if test.want != "" {
			refused(t, test.want, plugin.Forbid(attributes(request.Create, core.Pod, test.pod, nil), err), test.want)
		}
	}
	both := checkPod(with(nil, nil), &corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{least, most}}})
	if both == nil || both.Error() != "[minimum cpu usage per Container is 100m.  No request is specified, maximum cpu usage per Container is 1.  No limit is specified]" {
		t.Errorf("both: %v", both)
	}
}

func TestLimitedWrites(t *testing.T) {
	w := newWorld(t)
	w.limits("bounds",
		corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: amounts("cpu", "1")},
		corev1.LimitRangeItem{Type: corev1.LimitTypePersistentVolumeClaim, Min: amounts("storage", "1Gi"), Max: amounts("storage", "10Gi")})
	pod := newPod(func(p *corev1.Pod) {
		p.Spec.ServiceAccountName = "default"
		p.Spec.Containers[0].Resources.Limits = amounts("cpu", "2")
	})
	resized := attributes(request.Update, core.Pod, pod, newPod(nil))
	resized.Subresource = "resize"
	claim := func(size string) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{}
		c.Namespace, c.Name = "ns", "data"
		c.Spec.Resources.Requests = amounts("storage", size)
		return c
	}
	refused(t, "a pod", w.admit(attributes(request.Create, core.Pod, pod, nil)), "maximum cpu usage per Container is 1, but limit is 2")
	refused(t, "a resize", w.admit(resized), "maximum cpu usage per Container is 1, but limit is 2")
	if err := w.admit(attributes(request.Update, core.Pod, pod, pod)); err != nil {
		t.Errorf("an update that cannot change resources: %v", err)
	}
	if err := w.admit(attributes(request.Create, core.PersistentVolumeClaim, claim("5Gi"), nil)); err != nil {
		t.Errorf("a claim: %v", err)
	}
	refused(t, "a small claim", w.admit(attributes(request.Create, core.PersistentVolumeClaim, claim("1Mi"), nil)),
		`persistentvolumeclaims "data" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi`)
	refused(t, "a large claim", w.admit(attributes(request.Create, core.PersistentVolumeClaim, claim("20Gi"), nil)),
		"maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi")
}
