package storage_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
	"slowmo/pkg/etcd"
	"slowmo/pkg/storage"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// configMaps, pods and events are resources enough for a store: a plain one, one with
// selectable fields and one whose objects expire.
func configMaps() *api.Resource {
	return &api.Resource{
		Version: "v1", Kind: "ConfigMap", Plural: "configmaps", Namespaced: true,
		New:     func() api.Object { return &corev1.ConfigMap{} },
		NewList: func() runtime.Object { return &corev1.ConfigMapList{} },
	}
}

func pods() *api.Resource {
	return &api.Resource{
		Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true,
		New:        func() api.Object { return &corev1.Pod{} },
		NewList:    func() runtime.Object { return &corev1.PodList{} },
		FieldNames: []string{"spec.nodeName", "status.phase"},
		Fields: func(obj api.Object) fields.Set {
			pod := obj.(*corev1.Pod)
			return fields.Set{"spec.nodeName": pod.Spec.NodeName, "status.phase": string(pod.Status.Phase)}
		},
		Default: func(obj api.Object) {
			if spec := &obj.(*corev1.Pod).Spec; spec.RestartPolicy == "" {
				spec.RestartPolicy = corev1.RestartPolicyAlways
			}
		},
	}
}

func events() *api.Resource {
	return &api.Resource{
		Version: "v1", Kind: "Event", Plural: "events", Namespaced: true,
		New:     func() api.Object { return &corev1.Event{} },
		NewList: func() runtime.Object { return &corev1.EventList{} },
		TTL:     func(obj api.Object) time.Duration { return time.Duration(obj.(*corev1.Event).Count) * time.Second },
	}
}

func nodes() *api.Resource {
	return &api.Resource{
		Version: "v1", Kind: "Node", Plural: "nodes", StoragePath: "minions",
		New:     func() api.Object { return &corev1.Node{} },
		NewList: func() runtime.Object { return &corev1.NodeList{} },
	}
}

// world is a running store and what is in it.
type world struct {
	etcd   storage.Etcd
	store  *storage.Store
	maps   *storage.Collection
	pods   *storage.Collection
	events *storage.Collection
	nodes  *storage.Collection
}

// run opens a store over e and runs it until the test ends or stop is called.
func run(t testing.TB, e storage.Etcd) (w *world, stop func()) {
	t.Helper()
	m, p, ev, n := configMaps(), pods(), events(), nodes()
	s, err := storage.Open(t.Context(), e, []*api.Resource{m, p, ev, n})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return &world{e, s, s.Collection(m), s.Collection(p), s.Collection(ev), s.Collection(n)}, stop
}

// member starts an embedded etcd that ends with the test.
func member(t testing.TB, listen string) *etcd.Member {
	t.Helper()
	c := etcd.NewConfig(t.TempDir())
	c.Listen = listen
	m, err := etcd.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close etcd: %v", err)
		}
	})
	return m
}

// embedded returns a store over a member in this process.
func embedded(t testing.TB) *world {
	w, _ := run(t, member(t, "").Etcd())
	return w
}

// outside returns a store over gRPC.
func outside(t testing.TB) *world {
	dir, err := os.MkdirTemp("", "etcd") // short: socket paths are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	url := "unix://" + dir + "/etcd.sock"
	member(t, url)
	remote, err := etcd.Dial([]string{url}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remote.Close() })
	w, _ := run(t, remote.Etcd())
	return w
}

func configMap(namespace, name string, data ...string) *corev1.ConfigMap {
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name)}}
	for _, d := range data {
		k, v, _ := strings.Cut(d, "=")
		if c.Data == nil {
			c.Data = map[string]string{}
		}
		c.Data[k] = v
	}
	return c
}

func pod(name, node string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels, UID: types.UID(name)},
		Spec:       corev1.PodSpec{NodeName: node},
	}
}

// create stores obj.
func create(t testing.TB, c *storage.Collection, obj api.Object) *storage.Record {
	t.Helper()
	r, err := c.Create(t.Context(), obj)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// set changes an object with f.
func set[T api.Object](t testing.TB, c *storage.Collection, namespace, name string, f func(T)) *storage.Record {
	t.Helper()
	r, err := c.Modify(t.Context(), namespace, name, func(current api.Object) (api.Object, error) {
		if current == nil {
			return nil, storage.ErrNotFound
		}
		f(current.(T))
		return current, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// remove deletes an object.
func remove(t testing.TB, c *storage.Collection, namespace, name string) *storage.Record {
	t.Helper()
	r, err := c.Modify(t.Context(), namespace, name, func(api.Object) (api.Object, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	return r
}
