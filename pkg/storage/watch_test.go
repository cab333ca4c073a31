package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// follow opens a watch that ends with the test, or when nothing comes for long.
func follow(t testing.TB, c *storage.Collection, o storage.WatchOptions) *storage.Watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	w, err := c.Watch(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// take reads n events, described as "ADDED name".
func take(t testing.TB, w *storage.Watcher, n int) (described string, events []storage.Event) {
	t.Helper()
	var words []string
	for len(events) < n {
		next, err := w.Next()
		if err != nil {
			t.Fatalf("after %q: %v", words, err)
		}
		for _, e := range next {
			word := string(e.Type)
			if e.Record != nil {
				word += " " + e.Record.Name
			}
			words = append(words, word)
			events = append(events, e)
		}
	}
	return strings.Join(words, ", "), events
}

func watchSelects(t *testing.T, w *world) {
	app := follow(t, w.pods, storage.WatchOptions{Predicate: storage.Predicate{Label: labels.SelectorFromSet(labels.Set{"app": "x"})}})
	node := follow(t, w.pods, storage.WatchOptions{Predicate: storage.Predicate{Field: fields.OneTermEqualSelector("spec.nodeName", "n1")}})
	namespace := follow(t, w.pods, storage.WatchOptions{Namespace: "default"})
	other := follow(t, w.pods, storage.WatchOptions{Namespace: "other"})

	create(t, w.pods, pod("a", "", map[string]string{"app": "x"}))
	bound := set(t, w.pods, "default", "a", func(p *corev1.Pod) { p.Spec.NodeName = "n1" })
	left := set(t, w.pods, "default", "a", func(p *corev1.Pod) { p.Labels["app"] = "y" })
	set(t, w.pods, "default", "a", func(p *corev1.Pod) { p.Labels["app"] = "x" })
	gone := remove(t, w.pods, "default", "a")
	in := pod("b", "n2", nil)
	in.Namespace = "other"
	create(t, w.pods, in)

	got, events := take(t, app, 5)
	if want := "ADDED a, MODIFIED a, DELETED a, ADDED a, DELETED a"; got != want {
		t.Fatalf("label: %s; want %s", got, want)
	}
	// What left the selector is shown as it was, at the revision at which it left.
	e := events[2]
	obj, err := e.Record.Object()
	if err != nil || e.Revision != left.Revision || e.Record.Labels["app"] != "x" || obj.GetResourceVersion() != fmt.Sprint(left.Revision) {
		t.Errorf("left: %+v, %v, %v; want the state of %d at %d", e.Record, obj, err, bound.Revision, left.Revision)
	}
	if events[4].Record != gone {
		t.Errorf("gone: %+v, want the record that the delete returned", events[4].Record)
	}
	if got, _ := take(t, node, 4); got != "ADDED a, MODIFIED a, MODIFIED a, DELETED a" {
		t.Errorf("field: %s", got)
	}
	if got, _ := take(t, namespace, 5); got != "ADDED a, MODIFIED a, MODIFIED a, MODIFIED a, DELETED a" {
		t.Errorf("namespace: %s", got)
	}
	if got, _ := take(t, other, 1); got != "ADDED b" {
		t.Errorf("other namespace: %s", got)
	}
}

func watchBegins(t *testing.T, w *world) {
	before := w.store.Revision()
	b := create(t, w.maps, configMap("default", "b"))
	a := create(t, w.maps, configMap("default", "a"))
	create(t, w.maps, configMap("default", "c"))
	for _, test := range []struct {
		revision int64
		want     string
	}{
		{storage.Any, "ADDED a, ADDED b, ADDED c"},
		{storage.Consistent, "ADDED a, ADDED b, ADDED c"},
		{before, "ADDED b, ADDED a, ADDED c"},
		{b.Revision, "ADDED a, ADDED c"},
		{a.Revision, "ADDED c"},
	} {
		got, _ := take(t, follow(t, w.maps, storage.WatchOptions{Revision: test.revision}), strings.Count(test.want, ",")+1)
		if got != test.want {
			t.Errorf("after %d: %s; want %s", test.revision, got, test.want)
		}
	}
}

func watchInitial(t *testing.T, w *world) {
	create(t, w.maps, configMap("default", "b"))
	a := create(t, w.maps, configMap("default", "a"))
	watcher := follow(t, w.maps, storage.WatchOptions{InitialEvents: true, Bookmarks: true, Revision: storage.Consistent})
	got, events := take(t, watcher, 3)
	if got != "ADDED a, ADDED b, BOOKMARK" || !events[2].InitialEventsEnd || events[2].Revision != a.Revision {
		t.Errorf("%s, %+v", got, events[2])
	}
	c := create(t, w.maps, configMap("default", "c"))
	if got, events := take(t, watcher, 1); got != "ADDED c" || events[0].Record != c {
		t.Error(got)
	}
	empty := follow(t, w.pods, storage.WatchOptions{InitialEvents: true, Bookmarks: true, Revision: c.Revision})
	if got, _ := take(t, empty, 1); got != "BOOKMARK" {
		t.Error(got)
	}
	unmarked := follow(t, w.maps, storage.WatchOptions{InitialEvents: true})
	changes := follow(t, w.maps, storage.WatchOptions{OnlyChanges: true, Revision: storage.Consistent})
	create(t, w.maps, configMap("default", "d"))
	if got, _ := take(t, unmarked, 4); got != "ADDED a, ADDED b, ADDED c, ADDED d" {
		t.Error(got)
	}
	if got, _ := take(t, changes, 1); got != "ADDED d" {
		t.Error(got)
	}
}

func objectsExpire(t *testing.T, w *world) {
	watcher := follow(t, w.events, storage.WatchOptions{})
	event := func(name string, seconds int32) *corev1.Event {
		return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Count: seconds}
	}
	create(t, w.events, event("a", 3600))
	create(t, w.events, event("b", 3600))
	create(t, w.events, event("c", 7200))
	create(t, w.events, event("forever", 0))
	leases, err := w.etcd.Client.Leases(t.Context())
	if err != nil || len(leases.Leases) != 2 {
		t.Fatalf("leases %v, %v; want one for each time to live", leases, err)
	}
	take(t, watcher, 4)
	for _, l := range leases.Leases {
		ttl, err := w.etcd.Client.TimeToLive(t.Context(), l.ID)
		if err != nil || ttl.GrantedTTL != 3600+180 && ttl.GrantedTTL != 7200+360 {
			t.Errorf("lease %+v, %v", ttl, err)
		}
		if _, err := w.etcd.Client.Revoke(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
	}
	take(t, watcher, 3)
	create(t, w.events, event("again", 3600)) // the lease that was in use is gone
	remove(t, w.events, "default", "again")
	if page, err := w.events.List(t.Context(), storage.ListOptions{}); err != nil || names(page.Records) != "forever" {
		t.Errorf("%v, %v", page, err)
	}
}

// TestWatchSeesAll has writers change objects while watchers of several kinds
// follow, and holds what each saw against what was written.
func TestWatchSeesAll(t *testing.T) {
	const writers, writes = 8, 150
	w := embedded(t)
	start := w.store.Revision()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	watchers := map[string]*storage.Watcher{
		"all":       follow(t, w.maps, storage.WatchOptions{Revision: start}),
		"namespace": follow(t, w.maps, storage.WatchOptions{Revision: start, Namespace: "ns3"}),
		"initial":   follow(t, w.maps, storage.WatchOptions{InitialEvents: true}),
	}
	seen := map[string][]int64{}
	var mu sync.Mutex
	var followers, writing sync.WaitGroup
	written := map[string][]int64{}
	for name, watcher := range watchers {
		followers.Go(func() {
			var revisions []int64
			for {
				events, err := watcher.Next()
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				for _, e := range events {
					if e.Type == watch.Bookmark {
						continue
					}
					if e.Record.Name == "end" {
						mu.Lock()
						seen[name] = revisions
						mu.Unlock()
						return
					}
					revisions = append(revisions, e.Revision)
				}
			}
		})
	}
	for i := range writers {
		writing.Go(func() {
			namespace := fmt.Sprint("ns", i%4)
			for n := range writes {
				r, err := w.maps.Modify(ctx, namespace, fmt.Sprint("m", n%7), func(current api.Object) (api.Object, error) {
					switch {
					case current == nil:
						return configMap(namespace, fmt.Sprint("m", n%7), fmt.Sprintf("k=%d-%d", i, n)), nil
					case n%5 == 0:
						return nil, nil
					}
					current.(*corev1.ConfigMap).Data = map[string]string{"k": fmt.Sprintf("%d-%d", i, n)}
					return current, nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				written["all"] = append(written["all"], r.Revision)
				written["initial"] = append(written["initial"], r.Revision)
				if namespace == "ns3" {
					written["namespace"] = append(written["namespace"], r.Revision)
				}
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	create(t, w.maps, configMap("ns3", "end"))
	followers.Wait()
	for name := range watchers {
		got, want := seen[name], written[name]
		slices.Sort(want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: saw %d changes, of %d; order or set differ", name, len(got), len(want))
		}
	}
}

// TestWatchFallsBehind has a watcher that never reads while more changes happen than are
// kept; it is told, and one with another interest is not harmed.
func TestWatchFallsBehind(t *testing.T) {
	w := embedded(t)
	w.maps.SetRing(10, 1<<20)
	slow := follow(t, w.maps, storage.WatchOptions{})
	quiet := follow(t, w.maps, storage.WatchOptions{Namespace: "quiet"})
	create(t, w.maps, configMap("quiet", "first"))
	take(t, quiet, 1) // it has seen all there is
	for i := range 20 {
		create(t, w.maps, configMap("busy", fmt.Sprint("m", i)))
	}
	create(t, w.maps, configMap("quiet", "a"))
	if _, err := slow.Next(); !errors.Is(err, storage.ErrExpired) {
		t.Errorf("slow: %v", err)
	}
	if got, _ := take(t, quiet, 1); got != "ADDED a" {
		t.Errorf("quiet: %s", got)
	}
	if _, err := w.maps.Watch(t.Context(), storage.WatchOptions{Revision: 2}); !errors.Is(err, storage.ErrExpired) {
		t.Errorf("from before the ring: %v", err)
	}
	w.maps.SetRing(1000, 2000)
	for i := range 20 {
		create(t, w.maps, configMap("big", fmt.Sprint("m", i), "k="+strings.Repeat("x", 500)))
	}
	if n := w.maps.RingLen(); n == 0 || n > 4 {
		t.Errorf("%d changes of 600 bytes in a ring of 2000", n)
	}
}
