package follow_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
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

// TestReach: after it the index has what was stored before it.
func TestReach(t *testing.T) {
	store := storetest.New(t)
	var index sync.Map
	f := follow.New(store.Collection(core.ConfigMap), func(_, name string, _ *corev1.ConfigMap) { index.Store(name, true) })
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	storetest.Go(t, cancel, func() error { return f.Run(ctx) })
	for n := range 200 {
		name := fmt.Sprintf("c%d", n)
		put(t, store, name)
		if err := store.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.Reach(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := index.Load(name); !ok {
			t.Fatalf("%s is stored and not in the index", name)
		}
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if err := f.Reach(ended); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}
}
