package admission

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/core"
	"slowmo/pkg/api/networking"
	"slowmo/pkg/api/node"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

func TestRuntimeClass(t *testing.T) {
	w := newWorld(t)
	overhead := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")}
	seconds := corev1.Toleration{Key: "vm", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(5))}
	forever := corev1.Toleration{Key: "vm", Operator: corev1.TolerationOpExists}
	class := func(name string, change func(*nodev1.RuntimeClass)) {
		c := &nodev1.RuntimeClass{Handler: "h"}
		c.Name = name
		change(c)
		storetest.Put(t, w.store, node.RuntimeClass, c)
	}
	class("plain", func(*nodev1.RuntimeClass) {})
	class("vm", func(c *nodev1.RuntimeClass) {
		c.Overhead = &nodev1.Overhead{PodFixed: overhead}
		c.Scheduling = &nodev1.Scheduling{NodeSelector: map[string]string{"vm": "yes"}, Tolerations: []corev1.Toleration{forever}}
	})
	create := func(class string, change func(*corev1.Pod)) (*corev1.Pod, error) {
		pod := newPod(func(p *corev1.Pod) {
			if class != "" {
				p.Spec.RuntimeClassName = &class
			}
			if change != nil {
				change(p)
			}
		})
		return pod, w.admit(attributes(request.Create, core.Pod, pod, nil))
	}
	pod, err := create("vm", func(p *corev1.Pod) {
		p.Spec.NodeSelector = map[string]string{"disk": "ssd"}
		p.Spec.Tolerations = []corev1.Toleration{seconds}
	})
	if err != nil || !equality.Semantic.DeepEqual(pod.Spec.Overhead, overhead) ||
		!equality.Semantic.DeepEqual(pod.Spec.NodeSelector, map[string]string{"disk": "ssd", "vm": "yes"}) {
		t.Errorf("%v, overhead %v, selector %v", err, pod.Spec.Overhead, pod.Spec.NodeSelector)
	}
	// The wide toleration stands for the narrow one; the two of DefaultTolerationSeconds are others.
	if len(pod.Spec.Tolerations) != 3 || pod.Spec.Tolerations[2] != forever {
		t.Errorf("tolerations %v", pod.Spec.Tolerations)
	}
	if pod, err := create("plain", nil); err != nil || pod.Spec.Overhead != nil || pod.Spec.NodeSelector != nil {
		t.Errorf("a plain class: %v, %+v", err, pod.Spec)
	}
	other := func(p *corev1.Pod) {
		p.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
	}
	for _, test := range []struct {
		class  string
		change func(*corev1.Pod)
		want   string
	}{
		{"none", nil, `pods "web" is forbidden: pod rejected: RuntimeClass "none" not found`},
		{"vm", other, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"},
		{"plain", other, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"},
		{"", other, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"},
		{"vm", func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"vm": "no"} },
			"conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no"},
	} {
		_, err := create(test.class, test.change)
		refused(t, test.class, err, test.want)
	}
}

func TestMergeTolerations(t *testing.T) {
	exists := func(key string) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists}
	}
	equal := func(key, value string) corev1.Toleration { return corev1.Toleration{Key: key, Value: value} }
	list := func(all ...corev1.Toleration) []corev1.Toleration { return all }
	for name, test := range map[string]struct{ first, second, want []corev1.Toleration }{
		"nothing to add":    {list(equal("a", "1"), equal("a", "1")), nil, list(equal("a", "1"), equal("a", "1"))},
		"different ones":    {list(equal("a", "1")), list(equal("a", "2")), list(equal("a", "1"), equal("a", "2"))},
		"the same one":      {list(equal("a", "1")), list(equal("a", "1")), list(equal("a", "1"))},
		"a later wider one": {list(equal("a", "1")), list(exists("a")), list(exists("a"))},
		"a narrower one":    {list(exists("a")), list(equal("a", "1")), list(exists("a"))},
		"one of all":        {list(equal("a", "1"), exists("b")), list(exists("")), list(exists(""))},
	} {
		if got := mergeTolerations(test.first, test.second); !equality.Semantic.DeepEqual(got, test.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDefaultIngressClass(t *testing.T) {
	w := newWorld(t)
	ingress := func(change func(*networkingv1.Ingress)) *networkingv1.Ingress {
		i := &networkingv1.Ingress{}
		i.Namespace, i.Name = "ns", "web"
		if change != nil {
			change(i)
		}
		if err := w.admit(attributes(request.Create, networking.Ingress, i, nil)); err != nil {
			t.Error(err)
		}
		return i
	}
	if i := ingress(nil); i.Spec.IngressClassName != nil {
		t.Errorf("no class is the default, got %q", *i.Spec.IngressClassName)
	}
	for _, name := range []string{"b", "a", "plain"} {
		class := &networkingv1.IngressClass{}
		class.Name = name
		if name != "plain" {
			class.Annotations = map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}
		}
		storetest.Put(t, w.store, networking.IngressClass, class)
	}
	if i := ingress(nil); ptr.Deref(i.Spec.IngressClassName, "") == "" || *i.Spec.IngressClassName == "plain" {
		t.Errorf("got %v", i.Spec.IngressClassName)
	}
	if i := ingress(func(i *networkingv1.Ingress) { i.Spec.IngressClassName = ptr.To("plain") }); *i.Spec.IngressClassName != "plain" {
		t.Errorf("its own class became %q", *i.Spec.IngressClassName)
	}
	if i := ingress(func(i *networkingv1.Ingress) { i.Annotations = map[string]string{ingressClass: "old"} }); i.Spec.IngressClassName != nil {
		t.Errorf("beside the annotation it got %q", *i.Spec.IngressClassName)
	}
}

func TestMarkedIsTheYoungest(t *testing.T) {
	born := time.Now()
	class := func(name string, age time.Duration, isDefault string) *networkingv1.IngressClass {
		c := &networkingv1.IngressClass{}
		c.Name, c.CreationTimestamp = name, metav1.NewTime(born.Add(-age))
		c.Annotations = map[string]string{"default": isDefault}
		return c
	}
	classes := []*networkingv1.IngressClass{class("a", 0, "false"), class("b", time.Hour, "true"), class("c", time.Minute, "true"), class("d", time.Minute, "true")}
	if got := marked(classes, "default"); got.Name != "c" {
		t.Errorf("got %s", got.Name)
	}
	if got := marked(classes[:0], "default"); got != nil {
		t.Errorf("of none: %v", got)
	}
}

func TestPodTopologyLabels(t *testing.T) {
	w := newWorld(t)
	n := &corev1.Node{}
	n.Name, n.Labels = "n1", map[string]string{corev1.LabelTopologyZone: "z", corev1.LabelTopologyRegion: "r", corev1.LabelHostname: "n1"}
	storetest.Put(t, w.store, core.Node, n)
	both := map[string]string{corev1.LabelTopologyZone: "z", corev1.LabelTopologyRegion: "r"}
	for _, test := range []struct {
		name, kind, node string
		labels, want     map[string]string
	}{
		{"bound", "Node", "n1", nil, both},
		{"with a label of its own", "Node", "n1", map[string]string{corev1.LabelTopologyZone: "x"}, both},
		{"bound to what is not there", "Node", "n2", nil, nil},
		{"bound to what is not said", "", "n1", nil, nil},
	} {
		binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: test.kind, Name: test.node}}
		binding.Labels = test.labels
		a := attributes(request.Create, core.Pod, binding, nil)
		a.Subresource = "binding"
		if err := w.Mutate(t.Context(), a); err != nil || !equality.Semantic.DeepEqual(binding.Labels, test.want) {
			t.Errorf("%s: %v, %v", test.name, binding.Labels, err)
		}
	}
	made := newPod(func(p *corev1.Pod) { p.Spec.NodeName = "n1" })
	if err := w.Mutate(t.Context(), attributes(request.Create, core.Pod, made, nil)); err != nil || made.Labels[corev1.LabelTopologyZone] != "z" {
		t.Errorf("made on a node: %v, %v", made.Labels, err)
	}
}
