// Package controltest lets a test run a controller's sync against a fake client
// and caches that hold what the test puts there.
package controltest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"slowmo/pkg/controller/control"
)

// World is an environment whose server has the objects it was made with.
type World struct {
	*control.Env
	Client *fake.Clientset
	events *record.FakeRecorder
}

// New makes a World. The caches are empty: see Cache.
func New(objects ...runtime.Object) *World {
	client := fake.NewClientset(objects...)
	// The fake server completes no names.
	var made atomic.Int32
	client.PrependReactor("create", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		object := action.(clienttesting.CreateAction).GetObject().(metav1.Object)
		if object.GetName() == "" {
			object.SetName(fmt.Sprint(object.GetGenerateName(), made.Add(1)))
		}
		return false, nil, nil
	})
	events := record.NewFakeRecorder(1000)
	return &World{
		Env:    &control.Env{Client: client, Informers: informers.NewSharedInformerFactory(client, 0), Events: events},
		Client: client, events: events,
	}
}

// Cache puts objects into an informer's cache.
func Cache[T any](t *testing.T, informer cache.SharedIndexInformer, objects ...T) {
	t.Helper()
	for _, object := range objects {
		if err := informer.GetIndexer().Add(object); err != nil {
			t.Fatal(err)
		}
	}
}

// Writes lists the writes so far, one a line: "create pods ns/", "patch
// replicasets ns/hello {...}", and forgets them.
func (w *World) Writes() string {
	var out []string
	for _, action := range w.Client.Actions() {
		resource := action.GetResource().Resource
		if sub := action.GetSubresource(); sub != "" {
			resource += "/" + sub
		}
		switch a := action.(type) {
		case clienttesting.PatchActionImpl:
			out = append(out, fmt.Sprintf("patch %s %s/%s %s", resource, a.Namespace, a.Name, a.Patch))
		case clienttesting.CreateActionImpl:
			object := a.Object.(metav1.Object)
			out = append(out, fmt.Sprintf("create %s %s/%s", resource, a.Namespace, cmp.Or(object.GetName(), object.GetGenerateName())))
		case clienttesting.UpdateActionImpl:
			object := a.Object.(metav1.Object)
			out = append(out, strings.TrimSpace(fmt.Sprintf("update %s %s/%s %s", resource, a.Namespace, object.GetName(), status(a))))
		case clienttesting.DeleteActionImpl:
			out = append(out, fmt.Sprintf("delete %s %s/%s", resource, a.Namespace, a.Name))
		}
	}
	w.Client.ClearActions()
	return strings.Join(out, "\n")
}

// status is what an update of a status may change, as JSON; "" for another update.
func status(a clienttesting.UpdateActionImpl) string {
	if a.Subresource != "status" {
		return ""
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(a.Object)
	if err != nil {
		return err.Error()
	}
	written := map[string]any{"status": content["status"]}
	if annotations := a.Object.(metav1.Object).GetAnnotations(); len(annotations) > 0 {
		written["metadata"] = map[string]any{"annotations": annotations}
	}
	text, err := json.Marshal(written)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Events lists the Events so far, one a line: "Normal Reason text", and forgets them.
func (w *World) Events() string {
	var out []string
	for {
		select {
		case event := <-w.events.Events:
			out = append(out, event)
		default:
			return strings.Join(out, "\n")
		}
	}
}
