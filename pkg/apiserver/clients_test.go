package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	clientdiscovery "k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/features"
	clientfeatures "k8s.io/client-go/features/testing"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// typed returns a client-go client in JSON or protobuf.
func typed(t *testing.T, contentType string) *kubernetes.Clientset {
	t.Helper()
	config := rest.CopyConfig(server.config)
	config.ContentType, config.AcceptContentTypes = contentType, contentType
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func configMap(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"k": value}}
}

func TestTypedClient(t *testing.T) {
	clientfeatures.SetFeatureDuringTest(t, features.ClientsAllowCBOR, true)
	for _, contentType := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf, runtime.ContentTypeCBOR} {
		t.Run(contentType[len("application/"):], func(t *testing.T) {
			maps := typed(t, contentType).CoreV1().ConfigMaps("default")
			name := fmt.Sprintf("typed-%d", len(contentType))
			made, err := maps.Create(t.Context(), configMap(name, "1"), metav1.CreateOptions{})
			if err != nil || made.UID == "" || made.CreationTimestamp.IsZero() {
				t.Fatalf("create: %v %v", made, err)
			}
			made.Data["k"] = "2"
			changed, err := maps.Update(t.Context(), made, metav1.UpdateOptions{})
			if err != nil || changed.ResourceVersion == made.ResourceVersion {
				t.Fatalf("update: %v %v", changed, err)
			}
			if _, err := maps.Update(t.Context(), made, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
				t.Errorf("a stale update: %v", err)
			}
			applied, err := maps.Apply(t.Context(), corev1apply.ConfigMap(name, "default").WithData(map[string]string{"l": "3"}), metav1.ApplyOptions{FieldManager: "me"})
			if err != nil || applied.Data["k"] != "2" || applied.Data["l"] != "3" {
				t.Errorf("apply: %v %v", applied, err)
			}
			list, err := maps.List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
			if err != nil || len(list.Items) != 1 || list.ResourceVersion == "" || list.Items[0].UID != made.UID || len(list.Items[0].ManagedFields) == 0 {
				t.Errorf("list: %v %v", list, err)
			}
			if err := maps.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
			if _, err := maps.Get(t.Context(), name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("get after delete: %v", err)
			}
		})
	}
}

func TestDynamicClient(t *testing.T) {
	ns := namespace(t)
	client, err := dynamic.NewForConfig(server.config)
	if err != nil {
		t.Fatal(err)
	}
	deployments := client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(ns)
	obj := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(deployment), &obj.Object); err != nil {
		t.Fatal(err)
	}
	if _, err := deployments.Create(t.Context(), obj, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	list, err := deployments.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].GetKind() != "Deployment" {
		t.Errorf("list: %v %v", list, err)
	}
}

// expect reads the next event of a watch.
func expect(t *testing.T, w watch.Interface, kind watch.EventType, name string) runtime.Object {
	t.Helper()
	select {
	case event, ok := <-w.ResultChan():
		if !ok {
			t.Fatalf("the watch ended before %s %s", kind, name)
		}
		if event.Type != kind {
			t.Fatalf("got %s %v, want %s %s", event.Type, event.Object, kind, name)
		}
		if obj, ok := event.Object.(metav1.Object); ok && name != "" && obj.GetName() != name {
			t.Fatalf("got %s of %s, want %s", kind, obj.GetName(), name)
		}
		return event.Object
	case <-time.After(30 * time.Second):
		t.Fatalf("no event in 30 seconds, want %s %s", kind, name)
	}
	return nil
}

func TestWatch(t *testing.T) {
	clientfeatures.SetFeatureDuringTest(t, features.ClientsAllowCBOR, true)
	for _, contentType := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf, runtime.ContentTypeCBOR} {
		t.Run(contentType[len("application/"):], func(t *testing.T) {
			client := typed(t, contentType).CoreV1().ConfigMaps(namespace(t))
			if _, err := client.Create(t.Context(), configMap("before", "1"), metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			w, err := client.Watch(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			expect(t, w, watch.Added, "before")
			labeled := configMap("a", "1")
			labeled.Labels = map[string]string{"l": "1"}
			made, err := client.Create(t.Context(), labeled, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, w, watch.Added, "a")
			selected, err := client.Watch(t.Context(), metav1.ListOptions{LabelSelector: "l=1", ResourceVersion: made.ResourceVersion})
			if err != nil {
				t.Fatal(err)
			}
			defer selected.Stop()
			made.Labels["l"] = "2"
			if _, err := client.Update(t.Context(), made, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			expect(t, w, watch.Modified, "a")
			expect(t, selected, watch.Deleted, "a") // it ceased to match
			if err := client.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			expect(t, w, watch.Deleted, "a")
		})
	}
}

func TestWatchBegins(t *testing.T) {
	client := typed(t, runtime.ContentTypeJSON).CoreV1().ConfigMaps(namespace(t))
	if _, err := client.Create(t.Context(), configMap("a", "1"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	yes := true
	w, err := client.Watch(t.Context(), metav1.ListOptions{SendInitialEvents: &yes, AllowWatchBookmarks: true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	expect(t, w, watch.Added, "a")
	mark := expect(t, w, watch.Bookmark, "").(*corev1.ConfigMap)
	if mark.Annotations[metav1.InitialEventsAnnotationKey] != "true" || mark.ResourceVersion == "" {
		t.Errorf("the bookmark after the initial events: %v", mark)
	}
}

func TestWatchEnds(t *testing.T) {
	client := typed(t, runtime.ContentTypeJSON).CoreV1().ConfigMaps(namespace(t))
	second := int64(1)
	w, err := client.Watch(t.Context(), metav1.ListOptions{TimeoutSeconds: &second})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	select {
	case event, ok := <-w.ResultChan():
		if ok {
			t.Errorf("an event in an empty namespace: %v", event)
		}
	case <-time.After(30 * time.Second):
		t.Error("the watch did not end in time")
	}
}

func TestWatchAsTable(t *testing.T) {
	ns := namespace(t)
	maps := "/api/v1/namespaces/" + ns + "/configmaps"
	do(t, "POST", maps, `{"metadata":{"name":"a"}}`)
	do(t, "POST", maps, `{"metadata":{"name":"b"}}`)
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.url+maps+"?watch=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer admin-token")
	r.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	resp, err := server.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	stream := json.NewDecoder(resp.Body)
	for i, want := range []string{"a", "b"} {
		var event struct {
			Type   string
			Object metav1.Table
		}
		if err := stream.Decode(&event); err != nil {
			t.Fatal(err)
		}
		if event.Type != "ADDED" || fmt.Sprint(event.Object.Rows[0].Cells[0]) != want {
			t.Errorf("event %d: %+v", i, event)
		}
		if hasColumns := len(event.Object.ColumnDefinitions) > 0; hasColumns != (i == 0) {
			t.Errorf("event %d has columns: %t; only the first one should", i, hasColumns)
		}
	}
}

func TestInformer(t *testing.T) {
	ns := namespace(t)
	client := typed(t, runtime.ContentTypeProtobuf)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(ns))
	informer := factory.Core().V1().ConfigMaps().Informer()
	seen := make(chan string, 10)
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { seen <- "+" + obj.(*corev1.ConfigMap).Name },
		DeleteFunc: func(obj any) { seen <- "-" + obj.(*corev1.ConfigMap).Name },
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().ConfigMaps(ns).Create(t.Context(), configMap("a", "1"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer stop()
	factory.WaitForCacheSync(ctx.Done())
	if err := client.CoreV1().ConfigMaps(ns).Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"+a", "-a"} {
		select {
		case got := <-seen:
			if got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no %s in 30 seconds", want)
		}
	}
}

func TestDiscoveryClient(t *testing.T) {
	client, err := clientdiscovery.NewDiscoveryClientForConfig(server.config)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := client.ServerPreferredResources()
	if err != nil || len(lists) < 5 {
		t.Errorf("%d lists, %v", len(lists), err)
	}
}
