package storage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/etcd"
	"slowmo/pkg/storage"
)

func TestRestartKeepsEverything(t *testing.T) {
	c := etcd.NewConfig(t.TempDir())
	var before []string
	for round := range 3 {
		m, err := etcd.Start(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		w, stop := run(t, m.Etcd())
		page, err := w.maps.List(t.Context(), storage.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var now []string
		for _, r := range page.Records {
			b, err := r.Bytes(jsonForm)
			if err != nil {
				t.Fatal(err)
			}
			now = append(now, string(b))
		}
		if strings.Join(now, "\n") != strings.Join(before, "\n") {
			t.Errorf("round %d: %d objects; want the %d before, byte for byte", round, len(now), len(before))
		}
		for i := range 2500 { // more than one page of the reading
			if round == 0 {
				w.maps.Create(t.Context(), configMap("default", fmt.Sprint("m", i), fmt.Sprint("k=", i)))
			}
		}
		remove(t, w.maps, "default", fmt.Sprint("m", round))
		before = nil
		page, _ = w.maps.List(t.Context(), storage.ListOptions{})
		for _, r := range page.Records {
			b, _ := r.Bytes(jsonForm)
			before = append(before, string(b))
		}
		stop()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEncodedOnce(t *testing.T) {
	w := embedded(t)
	create(t, w.maps, configMap("default", "a"))
	remove(t, w.maps, "default", "a")
	var calls atomic.Int64
	form := &storage.Form{Name: "counted", Encode: func(obj api.Object) ([]byte, error) {
		calls.Add(1)
		return []byte(obj.GetResourceVersion()), nil
	}}
	var watchers []*storage.Watcher
	for range 20 {
		watchers = append(watchers, follow(t, w.maps, storage.WatchOptions{Revision: w.store.Revision()}))
	}
	app := storage.Predicate{Label: labels.SelectorFromSet(labels.Set{"app": "x"})}
	for range 20 {
		watchers = append(watchers, follow(t, w.maps, storage.WatchOptions{Revision: w.store.Revision(), Predicate: app}))
	}
	obj := configMap("default", "a")
	obj.Labels = map[string]string{"app": "x"}
	create(t, w.maps, obj)
	set(t, w.maps, "default", "a", func(m *corev1.ConfigMap) { m.Labels = nil })
	var wg sync.WaitGroup
	for _, watcher := range watchers {
		wg.Go(func() {
			_, events := take(t, watcher, 2)
			for _, e := range events {
				b, err := e.Record.Bytes(form)
				if err != nil || string(b) != fmt.Sprint(e.Revision) {
					t.Errorf("%q, %v; want %d", b, err, e.Revision)
				}
			}
		})
	}
	wg.Wait()
	// The created state, the changed one, and the one that left the selector.
	if calls.Load() != 3 {
		t.Errorf("encoded %d times, want 3", calls.Load())
	}
	fails := &storage.Form{Encode: func(api.Object) ([]byte, error) { calls.Add(1); return nil, errors.New("no") }}
	r, _ := w.maps.Get(t.Context(), "default", "a", storage.Any)
	for range 3 {
		if _, err := r.Bytes(fails); err == nil || calls.Load() != 4 {
			t.Errorf("%v after %d calls", err, calls.Load())
		}
	}
}

// TestRecordOutlivesItsObject reads objects whose writes are long past.
func TestRecordOutlivesItsObject(t *testing.T) {
	w := embedded(t)
	first := create(t, w.pods, pod("p", "n1", nil))
	for i := range 300 {
		create(t, w.maps, configMap("default", fmt.Sprint("m", i)))
	}
	for range 2 {
		obj, err := first.Object()
		if err != nil || obj.(*corev1.Pod).Spec.NodeName != "n1" || obj.(*corev1.Pod).Spec.RestartPolicy != "Always" {
			t.Errorf("%v, %v", obj, err)
		}
		obj.SetName("changed") // it is the caller's own
	}
}

func TestBookmarks(t *testing.T) {
	w := embedded(t)
	watcher := follow(t, w.pods, storage.WatchOptions{Revision: w.store.Revision(), Bookmarks: true})
	r := create(t, w.maps, configMap("default", "a"))
	watcher.BookmarkNow()
	got, events := take(t, watcher, 1)
	if got != "BOOKMARK" || events[0].Revision != r.Revision || events[0].InitialEventsEnd {
		t.Errorf("%s: %+v; want revision %d", got, events[0], r.Revision)
	}
	create(t, w.pods, pod("a", "", nil))
	watcher.BookmarkNow()
	if got, _ = take(t, watcher, 2); got != "ADDED a, BOOKMARK" {
		t.Errorf("%s: want the event before the bookmark that covers it", got)
	}
	// The last one comes two seconds before the end.
	short := follow(t, w.pods, storage.WatchOptions{Revision: w.store.Revision(), Bookmarks: true, Until: time.Now().Add(2100 * time.Millisecond)})
	if got, _ := take(t, short, 1); got != "BOOKMARK" {
		t.Errorf("before the end: %s", got)
	}
	if _, err := short.Next(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("at the end: %v", err)
	}
}

func TestWatchEnds(t *testing.T) {
	w := embedded(t)
	stop := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := follow(t, w.pods, storage.WatchOptions{Stop: stop})
	canceled, err := w.pods.Watch(ctx, storage.WatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer canceled.Close()
	close(stop)
	cancel()
	for name, watcher := range map[string]*storage.Watcher{"Stop": stopped, "its context": canceled} {
		if _, err := watcher.Next(); !errors.Is(err, context.Canceled) {
			t.Errorf("by %s: %v", name, err)
		}
	}
}

// TestMissedCompaction starts to follow when what happened since Open is no longer history.
func TestMissedCompaction(t *testing.T) {
	e := member(t, "").Etcd()
	m := configMaps()
	s, err := storage.Open(t.Context(), e, []*api.Resource{m})
	if err != nil {
		t.Fatal(err)
	}
	maps := s.Collection(m)
	watcher := follow(t, maps, storage.WatchOptions{})
	parked := follow(t, maps, storage.WatchOptions{Namespace: "default"})
	woken := make(chan error, 1)
	go func() {
		_, err := parked.Next()
		woken <- err
	}()

	other, _ := run(t, e)
	create(t, other.maps, configMap("default", "a"))
	create(t, other.maps, configMap("default", "b"))
	last := remove(t, other.maps, "default", "a")
	if _, err := e.Client.Compact(t.Context(), last.Revision); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	page, err := maps.List(t.Context(), storage.ListOptions{})
	if err != nil || names(page.Records) != "b" {
		t.Errorf("%v, %v", page, err)
	}
	_, err = watcher.Next()
	for _, err := range []error{err, <-woken} {
		if !errors.Is(err, storage.ErrExpired) {
			t.Errorf("watch across the gap: %v", err)
		}
	}
	create(t, maps, configMap("default", "c"))
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := maps.Create(t.Context(), configMap("default", "d")); err == nil {
		t.Error("a write was acknowledged that nobody can see")
	}
	if err := s.Ready(t.Context()); err == nil {
		t.Error("ready after Run")
	}
}

// TestCompactorsTakeTurns has two servers share an etcd: history is dropped
// once a turn, and a turn late.
func TestCompactorsTakeTurns(t *testing.T) {
	ctx := t.Context()
	client := member(t, "").Etcd().Client
	var a, b storage.Compactor
	at := func(c *storage.Compactor) int64 {
		t.Helper()
		revision, err := c.Next(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	readable := func(revision int64) bool {
		t.Helper()
		_, err := client.Get(ctx, "x", clientv3.WithRev(revision))
		if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
			t.Fatal(err)
		}
		return err == nil
	}
	first := at(&a)
	at(&b) // finds a's turn taken
	if _, err := client.Put(ctx, "x", "1"); err != nil {
		t.Fatal(err)
	}
	second := at(&b)
	if readable(first-1) || !readable(second-1) {
		t.Errorf("after b's turn: %v, %v", readable(first-1), readable(second-1))
	}
	at(&a) // finds b's turn taken
	if !readable(second - 1) {
		t.Error("history was dropped early")
	}
	at(&a)
	if readable(second - 1) {
		t.Error("history was not dropped")
	}
}

func TestForget(t *testing.T) {
	w := embedded(t)
	for i := range 5 {
		create(t, w.maps, configMap("default", fmt.Sprint("m", i)))
	}
	page, err := w.maps.List(t.Context(), storage.ListOptions{Limit: 1})
	if err != nil || w.maps.KeptLen() != 1 || w.maps.RingLen() != 5 {
		t.Fatalf("%v: %d kept, %d changes", err, w.maps.KeptLen(), w.maps.RingLen())
	}
	w.maps.Forget(page.Revision - 1)
	if w.maps.KeptLen() != 1 || w.maps.RingLen() != 1 {
		t.Errorf("too much forgotten: %d kept, %d changes", w.maps.KeptLen(), w.maps.RingLen())
	}
	w.maps.Forget(page.Revision)
	if w.maps.KeptLen() != 0 || w.maps.RingLen() != 0 {
		t.Errorf("too little forgotten: %d kept, %d changes", w.maps.KeptLen(), w.maps.RingLen())
	}
	for range 20 {
		create(t, w.maps, configMap("default", fmt.Sprint("n", w.maps.Len())))
		if _, err := w.maps.List(t.Context(), storage.ListOptions{Limit: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if w.maps.KeptLen() != 16 {
		t.Errorf("%d kept", w.maps.KeptLen())
	}
}

// TestOtherForms reads what is stored in another served version, and keeps custom
// resources as JSON.
func TestOtherForms(t *testing.T) {
	scalers := &api.Resource{
		Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler", Plural: "horizontalpodautoscalers", Namespaced: true,
		New: func() api.Object { return &autoscalingv2.HorizontalPodAutoscaler{} },
		Versions: []api.Version{{
			Group: "autoscaling", Version: "v1",
			New: func() api.Object { return &autoscalingv1.HorizontalPodAutoscaler{} },
			From: func(served api.Object) (api.Object, error) {
				v1 := served.(*autoscalingv1.HorizontalPodAutoscaler)
				v2 := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: v1.ObjectMeta}
				v2.Spec.MaxReplicas = v1.Spec.MaxReplicas
				return v2, nil
			},
		}},
	}
	widgets := &api.Resource{
		Group: "example.com", Version: "v1", Kind: "Widget", Plural: "widgets", StoragePath: "example.com/widgets",
		New: func() api.Object { return &unstructured.Unstructured{} },
	}
	e := member(t, "").Etcd()
	ctx := t.Context()
	if _, err := e.Client.Put(ctx, "/registry/horizontalpodautoscalers/default/a",
		`{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"namespace":"default","name":"a"},"spec":{"maxReplicas":7}}`); err != nil {
		t.Fatal(err)
	}
	s, err := storage.Open(ctx, e, []*api.Resource{scalers, widgets, {Plural: "reviews", Virtual: true}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	defer func() { cancel(); <-done }()

	r, err := s.Collection(scalers).Get(ctx, "default", "a", storage.Any)
	if err != nil {
		t.Fatal(err)
	}
	if obj, err := r.Object(); err != nil || obj.(*autoscalingv2.HorizontalPodAutoscaler).Spec.MaxReplicas != 7 || obj.GetObjectKind().GroupVersionKind() != scalers.GroupVersionKind() {
		t.Errorf("%v, %v", obj, err)
	}
	widget := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": int64(3)}}}
	widget.SetName("w")
	create(t, s.Collection(widgets), widget)
	stored, err := e.Client.Get(ctx, "/registry/example.com/widgets/w")
	if err != nil || len(stored.Kvs) != 1 || string(stored.Kvs[0].Value) != `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"size":3}}`+"\n" {
		t.Errorf("stored %v, %v", stored, err)
	}
	if _, err := storage.Open(ctx, e, []*api.Resource{configMaps(), configMaps()}); err == nil {
		t.Error("two resources share keys")
	}
}

// TestReadsSeeOtherServers has one server write and another read: what was
// acknowledged before the read began is in it.
func TestReadsSeeOtherServers(t *testing.T) {
	a := embedded(t)
	b := second(t, a)
	var observed atomic.Int64
	a.etcd.Observe = func(operation string, r schema.GroupResource, took time.Duration) {
		if operation == "update" && r.Resource == "configmaps" && took > 0 {
			observed.Add(1)
		}
	}
	c := second(t, a)
	create(t, a.maps, configMap("default", "a"))
	var acknowledged atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				want := acknowledged.Load()
				r, err := b.maps.Get(t.Context(), "default", "a", storage.Consistent)
				if err != nil || r.Revision < want {
					t.Errorf("read %v, %v; want at least %d", r, err, want)
				}
				page, err := b.maps.List(t.Context(), storage.ListOptions{})
				if err != nil || page.Revision < want || page.Records[0].Revision < want {
					t.Errorf("list %v, %v; want at least %d", page, err, want)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 200 {
		r := set(t, c.maps, "default", "a", func(m *corev1.ConfigMap) { m.Data = map[string]string{"i": fmt.Sprint(i)} })
		acknowledged.Store(r.Revision)
	}
	close(done)
	wg.Wait()
	if observed.Load() != 200 {
		t.Errorf("%d requests observed", observed.Load())
	}
}

// TestWritersShareAnObject has writers increment one counter; none is lost.
func TestWritersShareAnObject(t *testing.T) {
	const writers, increments = 8, 25
	w := embedded(t)
	create(t, w.maps, configMap("default", "a"))
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range increments {
				set(t, w.maps, "default", "a", func(m *corev1.ConfigMap) {
					m.Labels = map[string]string{"n": m.Labels["n"] + "x"}
				})
			}
		})
	}
	wg.Wait()
	r, err := w.maps.Get(t.Context(), "default", "a", storage.Any)
	if err != nil || len(r.Labels["n"]) != writers*increments {
		t.Errorf("%d of %d, %v", len(r.Labels["n"]), writers*increments, err)
	}
}
