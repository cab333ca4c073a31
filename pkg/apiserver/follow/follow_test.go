package follow_test

import (
	"context"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/follow"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

func put(t *testing.T, store *storage.Store, name string) {
	t.Helper()
	m := &corev1.ConfigMap{}
	m.Namespace, m.Name = "ns", name
	storetest.Put(t, store, core.ConfigMap, m)
}

func remove(t *testing.T, store *storage.Store, name string) {
	t.Helper()
	_, err := store.Collection(core.ConfigMap).Modify(t.Context(), "ns", name, func(api.Object) (api.Object, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestLoadSetsAndClears(t *testing.T) {
	store, index := storetest.New(t), map[string]bool{}
	f := follow.New(store.Collection(core.ConfigMap), func(_, name string, m *corev1.ConfigMap) {
		if m == nil {
			delete(index, name)
		} else {
			index[name] = true
		}
	})
	load := func(want map[string]bool) {
		t.Helper()
		if err := f.Load(t.Context()); err != nil || !maps.Equal(index, want) {
			t.Errorf("index %v, want %v (%v)", index, want, err)
		}
	}
	load(map[string]bool{})
	put(t, store, "a")
	put(t, store, "b")
	load(map[string]bool{"a": true, "b": true})
	remove(t, store, "a")
	put(t, store, "c")
	load(map[string]bool{"b": true, "c": true})
}

func TestRunFollows(t *testing.T) {
	store := storetest.New(t)
	changes := make(chan string, 10)
	f := follow.New(store.Collection(core.ConfigMap), func(_, name string, m *corev1.ConfigMap) {
		if m == nil {
			name = "-" + name
		}
		changes <- name
	})
	put(t, store, "a")
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What comes between Load and Run is not missed.
	put(t, store, "b")
	ctx, cancel := context.WithCancel(t.Context())
	storetest.Go(t, cancel, func() error { return f.Run(ctx) })
	remove(t, store, "a")
	for _, want := range []string{"a", "b", "-a"} {
		select {
		case got := <-changes:
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s never came", want)
		}
	}
}
