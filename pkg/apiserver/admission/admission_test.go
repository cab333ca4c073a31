package admission

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/api/scheduling"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

// world is a store with a namespace, a service account and all plugins.
type world struct {
	*testing.T
	store *storage.Store
	may   *permissions
	request.Admission
}

// permissions is an authorizer that allows the listed "verb resource name".
type permissions struct{ allowed []string }

func (p *permissions) Authorize(_ context.Context, q *request.Authorization) (request.Decision, string, error) {
	if slices.Contains(p.allowed, q.Info.Verb+" "+q.Info.Resource+" "+q.Info.Name) {
		return request.Allow, "", nil
	}
	return request.NoOpinion, "", nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store := storetest.New(t)
	may := &permissions{}
	all, err := New(Config{Store: store, Authorizer: may})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, store: store, may: may, Admission: all}
	w.namespace("ns", corev1.NamespaceActive)
	w.namespace("going", corev1.NamespaceTerminating)
	w.account("ns", "default", nil)
	w.account("going", "default", nil)
	return w
}

func (w *world) namespace(name string, phase corev1.NamespacePhase) {
	ns := &corev1.Namespace{}
	ns.Name, ns.Status.Phase = name, phase
	storetest.Put(w, w.store, core.Namespace, ns)
}

func (w *world) account(namespace, name string, change func(*corev1.ServiceAccount)) {
	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = namespace, name
	if change != nil {
		change(account)
	}
	storetest.Put(w, w.store, core.ServiceAccount, account)
}

var nobody = &request.User{Name: "alice"}

func attributes(op request.Operation, r *api.Resource, obj, old api.Object) *request.Attributes {
	a := &request.Attributes{
		Operation:  op,
		User:       nobody,
		Kind:       r.GroupVersionKind(),
		Resource:   r.GroupVersionKind().GroupVersion().WithResource(r.Plural),
		Definition: r,
		Object:     obj,
		OldObject:  old,
	}
	if obj != nil {
		a.Namespace, a.Name = obj.GetNamespace(), obj.GetName()
	}
	return a
}

func (w *world) admit(a *request.Attributes) error {
	if err := w.Mutate(w.Context(), a); err != nil {
		return err
	}
	return w.Validate(w.Context(), a)
}

func newPod(change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = "ns", "web"
	pod.Spec.Containers = []corev1.Container{{Name: "c"}}
	if change != nil {
		change(pod)
	}
	return pod
}

// refused checks that err is a 403 that contains text.
func refused(t *testing.T, what string, err error, text string) {
	t.Helper()
	if err == nil || !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %v, want a 403 with %q", what, err, text)
	}
}

func TestNewPod(t *testing.T) {
	w := newWorld(t)
	pod := newPod(nil)
	if err := w.admit(attributes(request.Create, core.Pod, pod, nil)); err != nil {
		t.Fatal(err)
	}
	spec := &pod.Spec
	if spec.ServiceAccountName != "default" || spec.DeprecatedServiceAccount != "default" {
		t.Errorf("service account %q, %q", spec.ServiceAccountName, spec.DeprecatedServiceAccount)
	}
	if len(spec.Volumes) != 1 || !strings.HasPrefix(spec.Volumes[0].Name, "kube-api-access-") || len(spec.Volumes[0].Projected.Sources) != 3 {
		t.Fatalf("volumes %v", spec.Volumes)
	}
	if mounts := spec.Containers[0].VolumeMounts; len(mounts) != 1 || mounts[0].Name != spec.Volumes[0].Name || !mounts[0].ReadOnly || mounts[0].MountPath != tokenPath {
		t.Errorf("mounts %v", mounts)
	}
	if len(spec.Tolerations) != 2 || spec.Tolerations[0].Key != corev1.TaintNodeNotReady || *spec.Tolerations[1].TolerationSeconds != 300 {
		t.Errorf("tolerations %v", spec.Tolerations)
	}
	if *spec.Priority != 0 || *spec.PreemptionPolicy != corev1.PreemptLowerPriority || spec.PriorityClassName != "" {
		t.Errorf("priority %v, %v, %q", spec.Priority, spec.PreemptionPolicy, spec.PriorityClassName)
	}
}

func TestServiceAccount(t *testing.T) {
	w := newWorld(t)
	w.account("ns", "quiet", func(a *corev1.ServiceAccount) { a.AutomountServiceAccountToken = ptr.To(false) })
	w.account("ns", "puller", func(a *corev1.ServiceAccount) {
		a.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	})
	for _, test := range []struct {
		name    string
		change  func(*corev1.Pod)
		volumes int
		pull    int
	}{
		{"the account says no", func(p *corev1.Pod) { p.Spec.ServiceAccountName = "quiet" }, 0, 0},
		{"the pod says yes", func(p *corev1.Pod) {
			p.Spec.ServiceAccountName, p.Spec.AutomountServiceAccountToken = "quiet", ptr.To(true)
		}, 1, 0},
		{"the pod says no", func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = ptr.To(false) }, 0, 0},
		{"mounted already", func(p *corev1.Pod) {
			p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "own", MountPath: tokenPath}}
		}, 0, 0},
		{"pull secrets", func(p *corev1.Pod) { p.Spec.ServiceAccountName = "puller" }, 1, 1},
		{"pull secrets of its own", func(p *corev1.Pod) {
			p.Spec.ServiceAccountName = "puller"
			p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "a"}, {Name: "b"}}
		}, 1, 2},
	} {
		pod := newPod(test.change)
		if err := w.admit(attributes(request.Create, core.Pod, pod, nil)); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if len(pod.Spec.Volumes) != test.volumes || len(pod.Spec.ImagePullSecrets) != test.pull {
			t.Errorf("%s: volumes %v, pull secrets %v", test.name, pod.Spec.Volumes, pod.Spec.ImagePullSecrets)
		}
	}
	w.account("ns", "strict", func(a *corev1.ServiceAccount) {
		a.Annotations = map[string]string{onlyMountable: "true"}
		a.Secrets = []corev1.ObjectReference{{Name: "own"}}
	})
	fromSecret := func(name string) []corev1.EnvVar {
		ref := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}}
		return []corev1.EnvVar{{Name: "E", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: ref}}}
	}
	strict := func(change func(*corev1.PodSpec)) error {
		pod := newPod(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "strict"; change(&p.Spec) })
		return w.admit(attributes(request.Create, core.Pod, pod, nil))
	}
	if err := strict(func(s *corev1.PodSpec) { s.Containers[0].Env = fromSecret("own") }); err != nil {
		t.Errorf("a secret of the account's: %v", err)
	}
	refused(t, "another secret", strict(func(s *corev1.PodSpec) { s.Containers[0].Env = fromSecret("other") }),
		`container c with envVar E referencing secret.secretName="other" is not allowed because service account strict does not reference that secret`)
	refused(t, "another volume", strict(func(s *corev1.PodSpec) {
		s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "other"}}}}
	}), `volume with secret.secretName="other" is not allowed because service account strict does not reference that secret`)
	refused(t, "another pull secret", strict(func(s *corev1.PodSpec) { s.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "other"}} }),
		`imagePullSecrets[0].name="other" is not allowed because service account strict does not reference that imagePullSecret`)
	err := w.admit(attributes(request.Create, core.Pod, newPod(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "x" }), nil))
	refused(t, "no such account", err, `pods "web" is forbidden: error looking up service account ns/x: serviceaccount "x" not found`)
}

func TestDefaultAccountIsAwaited(t *testing.T) {
	w := newWorld(t)
	w.namespace("fresh", corev1.NamespaceActive)
	written := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() {
		defer close(written)
		w.account("fresh", "default", nil)
	})
	pod := newPod(func(p *corev1.Pod) { p.Namespace = "fresh" })
	if err := w.admit(attributes(request.Create, core.Pod, pod, nil)); err != nil {
		t.Error(err)
	}
	// The account is seen before its writer has its answer: let that end, too.
	<-written
}

func TestNamespaceLifecycle(t *testing.T) {
	w := newWorld(t)
	in := func(namespace string) *corev1.ConfigMap {
		m := &corev1.ConfigMap{}
		m.Namespace, m.Name = namespace, "m"
		return m
	}
	if err := w.admit(attributes(request.Create, core.ConfigMap, in("ns"), nil)); err != nil {
		t.Error(err)
	}
	err := w.admit(attributes(request.Create, core.ConfigMap, in("nowhere"), nil))
	if !apierrors.IsNotFound(err) || err.Error() != `namespaces "nowhere" not found` {
		t.Errorf("no such namespace: %v", err)
	}
	err = w.admit(attributes(request.Create, core.ConfigMap, in("going"), nil))
	refused(t, "terminating", err, `configmaps "m" is forbidden: unable to create new content in namespace going because it is being terminated`)
	if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		t.Errorf("no cause: %v", err)
	}
	if err := w.admit(attributes(request.Update, core.ConfigMap, in("going"), in("going"))); err != nil {
		t.Errorf("update while terminating: %v", err)
	}
	gone := attributes(request.Delete, core.Namespace, nil, nil)
	gone.Name = "kube-system"
	refused(t, "delete of kube-system", w.admit(gone), "this namespace may not be deleted")
}

func TestPriority(t *testing.T) {
	w := newWorld(t)
	class := func(name string, value int32, isDefault bool) *schedulingv1.PriorityClass {
		c := &schedulingv1.PriorityClass{Value: value, GlobalDefault: isDefault, PreemptionPolicy: ptr.To(corev1.PreemptNever)}
		c.Name = name
		return c
	}
	storetest.Put(t, w.store, scheduling.PriorityClass, class("high", 1000, false))
	high := newPod(func(p *corev1.Pod) { p.Spec.PriorityClassName = "high" })
	if err := w.admit(attributes(request.Create, core.Pod, high, nil)); err != nil || *high.Spec.Priority != 1000 || *high.Spec.PreemptionPolicy != corev1.PreemptNever {
		t.Errorf("high: %v, %+v", err, high.Spec)
	}
	err := w.admit(attributes(request.Create, core.Pod, newPod(func(p *corev1.Pod) { p.Spec.PriorityClassName = "none" }), nil))
	refused(t, "no such class", err, "no PriorityClass with name none was found")
	err = w.admit(attributes(request.Create, core.Pod, newPod(func(p *corev1.Pod) { p.Spec.Priority = ptr.To(int32(7)) }), nil))
	refused(t, "number given", err, "the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name")

	storetest.Put(t, w.store, scheduling.PriorityClass, class("usual", 5, true))
	usual := newPod(nil)
	if err := w.admit(attributes(request.Create, core.Pod, usual, nil)); err != nil || *usual.Spec.Priority != 5 || usual.Spec.PriorityClassName != "usual" {
		t.Errorf("the default class: %v, %+v", err, usual.Spec)
	}
	refused(t, "a second default", w.admit(attributes(request.Create, scheduling.PriorityClass, class("other", 6, true), nil)), "Only one default can exist")
}

func TestNewNodeIsTainted(t *testing.T) {
	w := newWorld(t)
	node := &corev1.Node{}
	node.Name = "n1"
	for range 2 {
		if err := w.admit(attributes(request.Create, core.Node, node, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if len(node.Spec.Taints) != 1 || node.Spec.Taints[0].Key != corev1.TaintNodeNotReady || node.Spec.Taints[0].Effect != corev1.TaintEffectNoSchedule {
		t.Errorf("taints %v", node.Spec.Taints)
	}
}

func TestSwitches(t *testing.T) {
	for want, c := range map[string]Config{
		`enable-admission-plugins plugin "Nonsense" is unknown`:                           {Enable: []string{"Nonsense"}},
		`enable-admission-plugins plugin "AlwaysDeny" is not supported`:                   {Enable: []string{"AlwaysDeny"}},
		`disable-admission-plugins plugin "Nonsense" is unknown`:                          {Disable: []string{"Nonsense"}},
		`"Priority" in enable-admission-plugins and disable-admission-plugins overlapped`: {Enable: []string{"Priority"}, Disable: []string{"Priority"}},
	} {
		if _, err := New(c); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
	every, err := New(Config{Enable: []string{"NodeRestriction"}})
	if err != nil {
		t.Fatal(err)
	}
	some, err := New(Config{Disable: []string{"ServiceAccount", "AlwaysDeny", "Priority"}})
	if err != nil || len(some.(chain)) != len(every.(chain))-2 {
		t.Errorf("%d of %d plugins, %v", len(some.(chain)), len(every.(chain)), err)
	}
}

func BenchmarkNewPod(b *testing.B) {
	store := storetest.New(b)
	all, err := New(Config{Store: store, Authorizer: &permissions{}})
	if err != nil {
		b.Fatal(err)
	}
	ns := &corev1.Namespace{}
	ns.Name = "ns"
	storetest.Put(b, store, core.Namespace, ns)
	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = "ns", "default"
	storetest.Put(b, store, core.ServiceAccount, account)
	b.ReportAllocs()
	for b.Loop() {
		a := attributes(request.Create, core.Pod, newPod(nil), nil)
		if err := all.Mutate(b.Context(), a); err != nil {
			b.Fatal(err)
		}
		if err := all.Validate(b.Context(), a); err != nil {
			b.Fatal(err)
		}
	}
}
