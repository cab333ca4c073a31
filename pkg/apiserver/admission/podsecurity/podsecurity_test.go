package podsecurity

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apps"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

type world struct {
	*testing.T
	store  *storage.Store
	plugin *Plugin
}

func newWorld(t *testing.T) *world {
	store := storetest.New(t)
	return &world{t, store, New(store)}
}

// namespace returns one with labels, given as "enforce=baseline".
func namespace(name string, labels ...string) *corev1.Namespace {
	ns := &corev1.Namespace{}
	ns.Name, ns.Labels = name, map[string]string{}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		ns.Labels["pod-security.kubernetes.io/"+key] = value
	}
	return ns
}

func pod(namespace, name string, change func(*corev1.PodSpec)) *corev1.Pod {
	p := &corev1.Pod{}
	p.Namespace, p.Name = namespace, name
	p.Spec.Containers = []corev1.Container{{Name: "c", Image: "i"}}
	if change != nil {
		change(&p.Spec)
	}
	return p
}

func onHost(spec *corev1.PodSpec) { spec.HostNetwork = true }

// validate returns the refusal, or the warnings one after the other, and the audit annotations.
func (w *world) validate(r *api.Resource, subresource string, obj, old api.Object) (string, map[string]string) {
	w.Helper()
	state := &request.State{}
	a := &request.Attributes{Operation: request.Create, Kind: r.GroupVersionKind(), Subresource: subresource, Definition: r,
		Resource: r.GroupVersionKind().GroupVersion().WithResource(r.Plural), Namespace: obj.GetNamespace(), Name: obj.GetName(), Object: obj}
	if old != nil {
		a.Operation, a.OldObject = request.Update, old
	}
	err := w.plugin.Validate(request.With(context.Background(), state), a)
	if err != nil {
		return err.Error(), state.Annotations()
	}
	return strings.Join(state.Warnings(), "; "), state.Annotations()
}

func TestPods(t *testing.T) {
	w := newWorld(t)
	storetest.Put(t, w.store, core.Namespace, namespace("open"))
	storetest.Put(t, w.store, core.Namespace, namespace("strict", "enforce=baseline"))
	storetest.Put(t, w.store, core.Namespace, namespace("told", "warn=baseline", "audit=baseline"))
	storetest.Put(t, w.store, core.Namespace, namespace("odd", "enforce=nope"))
	for _, c := range []struct {
		namespace, want, audit string
		change                 func(*corev1.PodSpec)
	}{
		{"open", "", "enforce-policy=privileged:latest", onHost},
		{"strict", "", "enforce-policy=baseline:latest", nil},
		{"strict", `pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`, "enforce-policy=baseline:latest", onHost},
		{"told", `would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`, `audit-violations=would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`, onHost},
		{"odd", `pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false`, `error=Failed to parse policy`, nil},
		{"none", `Internal error occurred: failed to lookup namespace "none"`, "", nil},
	} {
		got, audit := w.validate(core.Pod, "", pod(c.namespace, "p", c.change), nil)
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: got %s, want %s", c.namespace, got, c.want)
		}
		if key, value, _ := strings.Cut(c.audit, "="); !strings.HasPrefix(audit["pod-security.kubernetes.io/"+key], value) {
			t.Errorf("%s: audit %v, want %s", c.namespace, audit, c.audit)
		}
	}

	// What runs is judged again when it is to run something else.
	old := pod("strict", "p", onHost)
	relabelled, changed := old.DeepCopy(), old.DeepCopy()
	relabelled.Labels = map[string]string{"a": "b"}
	changed.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e", Image: "i"}}}
	if got, _ := w.validate(core.Pod, "", relabelled, old); got != "" {
		t.Errorf("a label: %s", got)
	}
	if got, _ := w.validate(core.Pod, "ephemeralcontainers", changed, old); got == "" {
		t.Error("a container was added to a pod that violates the standard")
	}
	if got, _ := w.validate(core.Pod, "status", changed, old); got != "" {
		t.Errorf("a status: %s", got)
	}
}

// TestTemplates: what makes pods is not refused, so that people read of it where they wrote it.
func TestTemplates(t *testing.T) {
	w := newWorld(t)
	storetest.Put(t, w.store, core.Namespace, namespace("strict", "enforce=baseline", "warn=baseline"))
	d := &appsv1.Deployment{}
	d.Namespace, d.Name = "strict", "d"
	d.Spec.Template.Spec = pod("", "", onHost).Spec
	want := `would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`
	if got, _ := w.validate(apps.Deployment, "", d, nil); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, _ := w.validate(core.ReplicationController, "", &corev1.ReplicationController{}, nil); got != "" {
		t.Errorf("without a template: %s", got)
	}
}

func TestNamespaces(t *testing.T) {
	w := newWorld(t)
	const invalid = `Namespace "n" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "nope": must be one of privileged, baseline, restricted`
	bad := namespace("n", "enforce=nope")
	if got, _ := w.validate(core.Namespace, "", bad, nil); got != invalid {
		t.Errorf("a new one: got %s, want %s", got, invalid)
	}
	if got, _ := w.validate(core.Namespace, "", bad, namespace("n")); got != invalid {
		t.Errorf("a changed one: got %s, want %s", got, invalid)
	}
	if got, _ := w.validate(core.Namespace, "", bad, bad.DeepCopy()); got != "" {
		t.Errorf("what was so before: %s", got)
	}
	for _, name := range []string{"b", "a", "c"} {
		storetest.Put(t, w.store, core.Pod, pod("n", name, onHost))
	}
	storetest.Put(t, w.store, core.Pod, pod("n", "d", nil))
	want := `existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"; a (and 2 other pods): host namespaces`
	if got, _ := w.validate(core.Namespace, "", namespace("n", "enforce=baseline"), namespace("n")); got != want {
		t.Errorf("stricter: got %s, want %s", got, want)
	}
	if got, _ := w.validate(core.Namespace, "", namespace("n", "enforce=baseline"), namespace("n", "enforce=restricted")); got != "" {
		t.Errorf("less strict: %s", got)
	}
}
