// Package apitest helps to test definitions: objects come as YAML, and errors are
// compared as a client reads them.
package apitest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
)

// Now is the moment of the tests; objects were created five minutes before.
var Now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Object decodes an object strictly and fills in its defaults.
func Object[T api.Object](t testing.TB, r *api.Resource, text string) T {
	t.Helper()
	obj := r.New()
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	obj.SetCreationTimestamp(metav1.NewTime(Now.Add(-5 * time.Minute)))
	if r.Default != nil {
		r.Default(obj)
	}
	return obj.(T)
}

// Errors compares errors, one a line.
func Errors(t testing.TB, name string, errs field.ErrorList, want ...string) {
	t.Helper()
	var got []string
	for _, err := range errs {
		got = append(got, err.Error())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Create validates an object that a create would store.
func Create(t testing.TB, r *api.Resource, text string, want ...string) {
	t.Helper()
	obj := Object[api.Object](t, r, text)
	if r.PrepareCreate != nil {
		r.PrepareCreate(t.Context(), obj)
	}
	Errors(t, r.Kind+" "+text, r.Validate(obj), want...)
}

// Update validates a change of an object.
func Update(t testing.TB, r *api.Resource, before, after string, want ...string) {
	t.Helper()
	old, obj := Object[api.Object](t, r, before), Object[api.Object](t, r, after)
	if r.PrepareUpdate != nil {
		r.PrepareUpdate(t.Context(), obj, old)
	}
	Errors(t, r.Kind+" "+after, r.ValidateUpdate(obj, old), want...)
}

// Put puts a body into a subresource of an object and returns the object and
// what is wrong with it.
func Put[T api.Object](t testing.TB, r *api.Resource, subresource string, stored, body T) (T, error) {
	t.Helper()
	for _, s := range r.Subresources {
		if s.Name != subresource {
			continue
		}
		old := stored.DeepCopyObject().(api.Object)
		next := stored.DeepCopyObject().(T)
		if err := s.Put(api.WithTime(t.Context(), Now), next, body); err != nil {
			return next, err
		}
		validate := s.Validate
		if validate == nil {
			validate = r.ValidateUpdate
		}
		return next, validate(next, old).ToAggregate()
	}
	t.Fatalf("%s has no subresource %s", r.Kind, subresource)
	return stored, nil
}

// Row compares the row of an object, as JSON.
func Row(t testing.TB, r *api.Resource, text, want string) {
	t.Helper()
	var got strings.Builder
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r.Row(Object[api.Object](t, r, text), Now)); err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got.String()) != want {
		t.Errorf("%s: got %s want %s", r.Kind, got.String(), want)
	}
}

// Warnings compares the warnings about a write; before is empty for a create.
func Warnings(t testing.TB, r *api.Resource, before, after string, want ...string) {
	t.Helper()
	var old api.Object
	if before != "" {
		old = Object[api.Object](t, r, before)
	}
	got := r.Warnings(t.Context(), Object[api.Object](t, r, after), old)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s %s: got warnings %q want %q", r.Kind, after, got, want)
	}
}

// TwoContainers is a pod as it may be stored, with something of each part.
func TwoContainers() *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default", ResourceVersion: "7", Labels: map[string]string{"app": "a"}},
		Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{
			{Name: "a", Image: "one", Env: []corev1.EnvVar{{Name: "K", Value: "v"}}}, {Name: "b", Image: "two"}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending, PodIP: "10.0.0.1",
			Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}},
	}
}
