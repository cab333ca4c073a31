package control

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

func pod(name, rv string, uid types.UID) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, ResourceVersion: rv, UID: uid}}
}

func TestWritesAreSeenWhenTheCacheHasComeThatFar(t *testing.T) {
	for _, c := range []struct {
		name  string
		cache func(store cache.Store) error
		seen  bool
	}{
		{"nothing yet", func(cache.Store) error { return nil }, false},
		{"the object as it was", func(s cache.Store) error { return s.Add(pod("a", "9", "u")) }, false},
		{"another object, later", func(s cache.Store) error { return s.Add(pod("b", "11", "u")) }, true},
		{"the object as written", func(s cache.Store) error { return s.Add(pod("a", "10", "u")) }, true},
		{"the object, later", func(s cache.Store) error { return s.Add(pod("a", "12", "u")) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := cache.NewIndexer(cache.DeletionHandlingMetaNamespaceKeyFunc, cache.Indexers{})
			if err := store.Add(pod("z", "8", "z")); err != nil {
				t.Fatal(err)
			}
			var w Writes
			w.Made("key", store, pod("a", "10", "u"))
			if err := c.cache(store); err != nil {
				t.Fatal(err)
			}
			if got := w.Seen("key"); got != c.seen {
				t.Errorf("seen: %v, want %v", got, c.seen)
			}
			if !w.Seen("other") {
				t.Error("another key waits too")
			}
			w.Forget("key")
			if !w.Seen("key") {
				t.Error("a forgotten key still waits")
			}
		})
	}
}

func TestARemovalIsSeenWhenTheObjectGoes(t *testing.T) {
	store := cache.NewIndexer(cache.DeletionHandlingMetaNamespaceKeyFunc, cache.Indexers{})
	there := pod("a", "1", "u")
	if err := store.Add(there); err != nil {
		t.Fatal(err)
	}
	var w Writes
	w.Removed("key", store, there)
	if w.Seen("key") {
		t.Error("seen before it went")
	}
	going := there.DeepCopy()
	at := metav1.Now()
	going.DeletionTimestamp = &at
	if err := store.Update(going); err != nil {
		t.Fatal(err)
	}
	if !w.Seen("key") {
		t.Error("not seen when it is going")
	}
	w.Removed("key", store, there)
	if err := store.Update(pod("a", "5", "another")); err != nil {
		t.Fatal(err)
	}
	if !w.Seen("key") {
		t.Error("not seen when another took its name")
	}
}

func TestSettleHoldsBackForAsLongAsItWasMadeFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSettle(100 * time.Millisecond)
		for range 3 {
			if !s.Wait("k") {
				t.Error("does not hold back at first")
			}
			time.Sleep(40 * time.Millisecond)
		}
		if s.Wait("k") {
			t.Error("holds back for longer than 100 ms")
		}
		s.Forget("k")
		if !s.Wait("k") {
			t.Error("does not hold back the next time")
		}
	})
}

func TestMergePatchIsGuardedAndMinimal(t *testing.T) {
	fields := func(ready int32, note string) any {
		return map[string]any{"metadata": map[string]any{"annotations": map[string]string{"note": note}}, "status": map[string]any{"ready": ready, "same": 1}}
	}
	patch, err := MergePatch(pod("a", "1", "u"), fields(1, ""), fields(2, "x"))
	if err != nil || string(patch) != `{"metadata":{"annotations":{"note":"x"},"uid":"u"},"status":{"ready":2}}` {
		t.Errorf("%s, %v", patch, err)
	}
	if patch, err = MergePatch(pod("a", "1", "u"), fields(1, ""), fields(1, "")); err != nil || patch != nil {
		t.Errorf("equal states: %s, %v", patch, err)
	}
}

func TestAvailableIn(t *testing.T) {
	now := time.Now()
	ready := func(status v1.ConditionStatus, ago time.Duration) *v1.Pod {
		return &v1.Pod{Status: v1.PodStatus{Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(now.Add(-ago))}}}}
	}
	for _, c := range []struct {
		name  string
		pod   *v1.Pod
		min   time.Duration
		in    time.Duration
		ready bool
	}{
		{"no condition", &v1.Pod{}, 0, 0, false},
		{"not ready", ready(v1.ConditionFalse, time.Hour), 0, 0, false},
		{"at once", ready(v1.ConditionTrue, 0), 0, 0, true},
		{"long enough", ready(v1.ConditionTrue, time.Minute), 10 * time.Second, 0, true},
		{"soon", ready(v1.ConditionTrue, 4*time.Second), 10 * time.Second, 6 * time.Second, true},
	} {
		if in, ok := AvailableIn(c.pod, c.min, now); in != c.in || ok != c.ready {
			t.Errorf("%s: %v, %v", c.name, in, ok)
		}
	}
}

func TestStripDropsManagedFields(t *testing.T) {
	p := pod("a", "1", "u")
	p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x"}}
	out, err := Strip(p)
	if err != nil || len(out.(*v1.Pod).ManagedFields) != 0 {
		t.Errorf("%v, %v", out, err)
	}
	if out, err := Strip("no object"); err != nil || !strings.Contains(out.(string), "no") {
		t.Errorf("%v, %v", out, err)
	}
}
