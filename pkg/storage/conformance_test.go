package storage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// behaviours are what every store does, whatever etcd is below it.
var behaviours = []struct {
	name string
	run  func(t *testing.T, w *world)
}{
	{"create is seen by reads", createIsSeen},
	{"create refuses a taken key", createRefuses},
	{"modify retries a lost race", modifyRetries},
	{"modify passes errors on about the newest state", modifyErrors},
	{"writing the same is no write", sameIsNoWrite},
	{"delete returns the last state", deleteReturnsLast},
	{"ops share the transaction", opsShareTransaction},
	{"keys and values are upstream's", storedForm},
	{"what others write is seen", othersWrites},
	{"corrupt bytes harm one object", corrupt},
	{"list selects", listSelects},
	{"list pages through one state", listPages},
	{"list finds old states", listExact},
	{"compaction expires", compactionExpires},
	{"the future is refused", future},
	{"watch turns events by its selector", watchSelects},
	{"watch begins where it is told", watchBegins},
	{"watch bookmarks the initial state", watchInitial},
	{"objects expire", objectsExpire},
}

func TestEmbedded(t *testing.T) {
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) { b.run(t, embedded(t)) })
	}
}

func TestOutside(t *testing.T) {
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) { b.run(t, outside(t)) })
	}
}

func createIsSeen(t *testing.T, w *world) {
	made := create(t, w.maps, configMap("default", "a", "k=v"))
	for _, revision := range []int64{storage.Any, storage.Consistent, made.Revision} {
		got, err := w.maps.Get(t.Context(), "default", "a", revision)
		if err != nil || got != made {
			t.Fatalf("Get at %d: %v, %v; want the record that Create returned", revision, got, err)
		}
	}
	if made.Key != "/registry/configmaps/default/a" || made.Namespace != "default" || made.Name != "a" || made.UID != "default/a" {
		t.Errorf("record %+v", made)
	}
	obj, err := made.Object()
	if err != nil {
		t.Fatal(err)
	}
	m := obj.(*corev1.ConfigMap)
	if m.Data["k"] != "v" || m.ResourceVersion != strconv.FormatInt(made.Revision, 10) || m.Kind != "ConfigMap" || m.APIVersion != "v1" {
		t.Errorf("object %+v", m)
	}
	if _, err := w.maps.Get(t.Context(), "default", "b", storage.Consistent); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Get of nothing: %v", err)
	}
	if w.maps.Len() != 1 || w.store.Revision() < made.Revision {
		t.Errorf("%d objects at %d", w.maps.Len(), w.store.Revision())
	}
	if err := w.store.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	for _, bad := range [][2]string{{"", "a"}, {"default", ""}, {"default", "a/b"}, {"a/b", "c"}} {
		if _, err := w.maps.Get(t.Context(), bad[0], bad[1], storage.Any); err == nil || errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Get %q: %v", bad, err)
		}
	}
}

func createRefuses(t *testing.T, w *world) {
	create(t, w.maps, configMap("default", "a", "k=1"))
	if _, err := w.maps.Create(t.Context(), configMap("default", "a", "k=2")); !errors.Is(err, storage.ErrExists) {
		t.Fatalf("second Create: %v", err)
	}
	remove(t, w.maps, "default", "a")
	create(t, w.maps, configMap("default", "a", "k=3"))
}

func modifyRetries(t *testing.T, w *world) {
	create(t, w.maps, configMap("default", "a", "k="))
	calls := 0
	r, err := w.maps.Modify(t.Context(), "default", "a", func(current api.Object) (api.Object, error) {
		if calls++; calls == 1 {
			set(t, w.maps, "default", "a", func(m *corev1.ConfigMap) { m.Data["k"] += "x" })
		}
		current.(*corev1.ConfigMap).Data["k"] += "y"
		return current, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	obj, _ := r.Object()
	if got := obj.(*corev1.ConfigMap).Data["k"]; got != "xy" || calls != 2 {
		t.Errorf("%q after %d calls", got, calls)
	}
	// What is not there can be created on the way.
	r, err = w.maps.Modify(t.Context(), "default", "b", func(current api.Object) (api.Object, error) {
		if current != nil {
			return nil, fmt.Errorf("there is %v", current)
		}
		return configMap("default", "b"), nil
	})
	if err != nil || r.Name != "b" {
		t.Errorf("Modify of nothing: %v, %v", r, err)
	}
}

func modifyErrors(t *testing.T, w *world) {
	create(t, w.maps, configMap("default", "a", "k="))
	stop := errors.New("stop")
	calls := 0
	_, err := w.maps.Modify(t.Context(), "default", "a", func(current api.Object) (api.Object, error) {
		if calls++; calls == 1 {
			set(t, w.maps, "default", "a", func(m *corev1.ConfigMap) { m.Data["k"] = "new" })
		} else if current.(*corev1.ConfigMap).Data["k"] != "new" {
			t.Errorf("call %d saw %v", calls, current)
		}
		return nil, stop
	})
	if !errors.Is(err, stop) || calls != 2 {
		t.Errorf("%v after %d calls", err, calls)
	}
	_, err = w.maps.Modify(t.Context(), "default", "b", func(api.Object) (api.Object, error) { return nil, nil })
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("delete of nothing: %v", err)
	}
	_, err = w.maps.Modify(t.Context(), "default", "a", func(current api.Object) (api.Object, error) {
		current.SetName("b")
		return current, nil
	})
	if err == nil {
		t.Error("an object was stored under another's key")
	}
}

func sameIsNoWrite(t *testing.T, w *world) {
	made := create(t, w.maps, configMap("default", "a", "k=v"))
	again := set(t, w.maps, "default", "a", func(*corev1.ConfigMap) {})
	if again != made {
		t.Errorf("revision %d after %d", again.Revision, made.Revision)
	}
	index, err := w.etcd.ReadIndex(t.Context())
	if err != nil || index != made.Revision {
		t.Errorf("etcd is at %d, %v; want %d", index, err, made.Revision)
	}
}

func deleteReturnsLast(t *testing.T, w *world) {
	made := create(t, w.maps, configMap("default", "a", "k=v"))
	gone := remove(t, w.maps, "default", "a")
	obj, err := gone.Object()
	if err != nil {
		t.Fatal(err)
	}
	if gone.Revision != made.Revision+1 || obj.GetResourceVersion() != strconv.FormatInt(gone.Revision, 10) || obj.(*corev1.ConfigMap).Data["k"] != "v" {
		t.Errorf("record %+v, object %v", gone, obj)
	}
	if _, err := w.maps.Get(t.Context(), "default", "a", storage.Any); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
}

func opsShareTransaction(t *testing.T, w *world) {
	with := func(name string) storage.Op { return storage.Op{Collection: w.maps, Create: configMap("ips", name)} }
	r, err := w.pods.Create(t.Context(), pod("a", "", nil), with("1"), with("2"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", "2"} {
		if ip, err := w.maps.Get(t.Context(), "ips", name, storage.Any); err != nil || ip.Revision != r.Revision {
			t.Errorf("%s: %v, %v; want revision %d", name, ip, err, r.Revision)
		}
	}
	_, err = w.pods.Create(t.Context(), pod("b", "", nil), with("3"), with("2"))
	var op *storage.OpError
	if !errors.As(err, &op) || op.Key != "/registry/configmaps/ips/2" || !errors.Is(err, storage.ErrExists) {
		t.Errorf("taken op: %v", err)
	}
	_, err = w.pods.Create(t.Context(), pod("a", "", nil), with("3"))
	if errors.As(err, &op) || !errors.Is(err, storage.ErrExists) {
		t.Errorf("taken key: %v", err)
	}
	if w.maps.Len() != 2 || w.pods.Len() != 1 {
		t.Errorf("%d maps, %d pods: a refused transaction left something", w.maps.Len(), w.pods.Len())
	}
	free := func(name string) storage.Op {
		return storage.Op{Collection: w.maps, Delete: types.NamespacedName{Namespace: "ips", Name: name}}
	}
	_, err = w.pods.Modify(t.Context(), "default", "a", func(api.Object) (api.Object, error) { return nil, nil },
		free("1"), free("2"), free("never"))
	if err != nil || w.maps.Len() != 0 || w.pods.Len() != 0 {
		t.Errorf("%v: %d maps, %d pods", err, w.maps.Len(), w.pods.Len())
	}
}

func storedForm(t *testing.T, w *world) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	upstream := protobuf.NewSerializer(scheme, scheme)
	node := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "u", Labels: map[string]string{"b": "2", "a": "1"}},
		Status:     corev1.NodeStatus{Phase: corev1.NodeRunning},
	}
	var want bytes.Buffer
	if err := upstream.Encode(node, &want); err != nil {
		t.Fatal(err)
	}
	node = node.DeepCopy()
	node.TypeMeta, node.ResourceVersion, node.SelfLink = metav1.TypeMeta{}, "7", "/x"
	r := create(t, w.nodes, node)
	got, err := w.etcd.Client.Get(t.Context(), "/registry/minions/n1")
	if err != nil || len(got.Kvs) != 1 || !bytes.Equal(got.Kvs[0].Value, want.Bytes()) {
		t.Fatalf("stored %v, %v; want %q", got, err, want.Bytes())
	}
	obj, err := second(t, w).nodes.Get(t.Context(), "", "n1", storage.Any)
	if err != nil || obj.Labels["a"] != "1" || obj.Revision != r.Revision {
		t.Errorf("read again: %+v, %v", obj, err)
	}
}

func othersWrites(t *testing.T, w *world) {
	other := w.etcd.Client
	ctx := t.Context()
	value := `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"default","labels":{"x":"y"}},"data":{"k":"v"}}`
	put, err := other.Put(ctx, "/registry/configmaps/default/a", value)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.maps.Get(ctx, "default", "a", storage.Consistent)
	if err != nil || r.Revision != put.Header.Revision || r.Labels["x"] != "y" {
		t.Fatalf("%+v, %v", r, err)
	}
	// Keys that are no objects of ours still move the revision.
	for _, key := range []string{"compact_rev_key", "/registry/unknown/a", "/registry/x", "/registry/configmapsx/default/b"} {
		if put, err = other.Put(ctx, key, "?"); err != nil {
			t.Fatal(err)
		}
		if err := w.store.Ready(ctx); err != nil || w.store.Revision() != put.Header.Revision {
			t.Errorf("after %s: revision %d, %v; want %d", key, w.store.Revision(), err, put.Header.Revision)
		}
	}
	if w.maps.Len() != 1 {
		t.Errorf("%d maps", w.maps.Len())
	}
	if _, err := other.Delete(ctx, "/registry/configmaps/default/a"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.maps.Get(ctx, "default", "a", storage.Consistent); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("after the delete: %v", err)
	}
}

func corrupt(t *testing.T, w *world) {
	ctx := t.Context()
	create(t, w.maps, configMap("default", "good"))
	for name, value := range map[string]string{
		"cut": "k8s\x00\x0a\x7f", "noise": "\x01\x02", "secret": "k8s:enc:aescbc:v1:key1:xyz",
		"other": `{"kind":"Secret","apiVersion":"v1"}`,
	} {
		if _, err := w.etcd.Client.Put(ctx, "/registry/configmaps/bad/"+name, value); err != nil {
			t.Fatal(err)
		}
		_, err := w.maps.Get(ctx, "bad", name, storage.Consistent)
		if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "/registry/configmaps/bad/"+name) {
			t.Errorf("Get %s: %v", name, err)
		}
	}
	if _, err := w.maps.List(ctx, storage.ListOptions{}); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("List of all: %v", err)
	}
	if page, err := w.maps.List(ctx, storage.ListOptions{Namespace: "default"}); err != nil || len(page.Records) != 1 {
		t.Errorf("List of the good: %v, %v", page, err)
	}
	keep := func(current api.Object) (api.Object, error) { return current, nil }
	if _, err := w.maps.Modify(ctx, "bad", "noise", keep); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("Modify: %v", err)
	}
	// A store opens all the same.
	again, stop := run(t, w.etcd)
	defer stop()
	if _, err := again.maps.Get(ctx, "default", "good", storage.Any); err != nil || again.maps.Len() != 5 {
		t.Errorf("reopened with %d objects: %v", again.maps.Len(), err)
	}
}

func future(t *testing.T, w *world) {
	ctx := t.Context()
	beyond := w.store.Revision() + 1000
	_, get := w.maps.Get(ctx, "default", "a", beyond)
	_, list := w.maps.List(ctx, storage.ListOptions{Match: storage.MatchNotOlderThan, Revision: beyond})
	_, exact := w.maps.List(ctx, storage.ListOptions{Match: storage.MatchExact, Revision: beyond})
	_, initial := w.maps.Watch(ctx, storage.WatchOptions{InitialEvents: true, Revision: beyond})
	for i, err := range []error{get, list, exact, initial} {
		var f *storage.FutureError
		if !errors.As(err, &f) || !errors.Is(err, storage.ErrFuture) || f.Requested != beyond || f.Current >= beyond {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func compactionExpires(t *testing.T, w *world) {
	ctx := t.Context()
	for i := range 4 {
		create(t, w.maps, configMap("default", fmt.Sprint("m", i)))
	}
	first, err := w.maps.List(ctx, storage.ListOptions{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	last := remove(t, w.maps, "default", "m3")
	if _, err := w.etcd.Client.Compact(ctx, last.Revision); err != nil {
		t.Fatal(err)
	}
	// Another server has not kept the state that the first one gave a page of.
	other, stop := run(t, w.etcd)
	defer stop()
	_, err = other.maps.List(ctx, storage.ListOptions{Limit: 2, Continue: first.Continue})
	var expired *storage.ExpiredError
	if !errors.As(err, &expired) || !errors.Is(err, storage.ErrExpired) {
		t.Fatalf("continued: %v", err)
	}
	rest, err := other.maps.List(ctx, storage.ListOptions{Continue: expired.Continue})
	if err != nil || names(rest.Records) != "m2" {
		t.Errorf("the rest: %v, %v", rest, err)
	}
	_, err = other.maps.List(ctx, storage.ListOptions{Match: storage.MatchExact, Revision: first.Revision})
	if !errors.Is(err, storage.ErrExpired) {
		t.Errorf("exact: %v", err)
	}
	if _, err = other.maps.Watch(ctx, storage.WatchOptions{Revision: first.Revision}); !errors.Is(err, storage.ErrExpired) {
		t.Errorf("watch: %v", err)
	}
}

func listSelects(t *testing.T, w *world) {
	create(t, w.pods, pod("a", "n1", map[string]string{"app": "x"}))
	create(t, w.pods, pod("b", "n2", map[string]string{"app": "x"}))
	create(t, w.pods, pod("c", "n1", map[string]string{"app": "y"}))
	create(t, w.maps, configMap("ns", "d"))
	create(t, w.maps, configMap("ns2", "e"))
	create(t, w.maps, configMap("n", "f"))
	for _, test := range []struct {
		c                       *storage.Collection
		namespace, label, field string
		want                    string
	}{
		{w.pods, "", "", "", "a b c"},
		{w.pods, "default", "app=x", "", "a b"},
		{w.pods, "", "app=x", "spec.nodeName=n1", "a"},
		{w.pods, "", "", "spec.nodeName!=n1", "b"},
		{w.pods, "", "", "metadata.name=c,metadata.namespace=default", "c"},
		{w.pods, "default2", "", "", ""},
		{w.maps, "ns", "", "", "d"},
		{w.maps, "n", "", "", "f"},
		{w.maps, "", "", "", "f d e"},
	} {
		o := storage.ListOptions{Namespace: test.namespace}
		if test.label != "" {
			o.Label, _ = labels.Parse(test.label)
		}
		if test.field != "" {
			o.Field = fields.ParseSelectorOrDie(test.field)
		}
		for _, o.Match = range []storage.Match{storage.MatchConsistent, storage.MatchAny} {
			page, err := test.c.List(t.Context(), o)
			if err != nil || names(page.Records) != test.want || page.Continue != "" || page.Remaining != nil {
				t.Errorf("%+v: %v, %v", test, page, err)
			} else if page.Revision != w.store.Revision() {
				t.Errorf("%+v: revision %d, want %d", test, page.Revision, w.store.Revision())
			}
		}
	}
}

func listPages(t *testing.T, w *world) {
	ctx := t.Context()
	for i := range 5 {
		create(t, w.maps, configMap("default", fmt.Sprint("m", i)))
	}
	create(t, w.maps, configMap("other", "z"))
	page, err := w.maps.List(ctx, storage.ListOptions{Namespace: "default", Limit: 2})
	if err != nil || names(page.Records) != "m0 m1" || page.Remaining == nil || *page.Remaining != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	// The token is upstream's, and the pages show the state of the first one.
	start := page.Revision
	remove(t, w.maps, "default", "m3")
	create(t, w.maps, configMap("default", "m22"))
	for _, store := range []*world{w, second(t, w)} {
		page, err := store.maps.List(ctx, storage.ListOptions{Namespace: "default", Limit: 2, Continue: page.Continue})
		if err != nil || names(page.Records) != "m2 m3" || *page.Remaining != 1 || page.Revision != start {
			t.Fatalf("%+v, %v", page, err)
		}
		page, err = store.maps.List(ctx, storage.ListOptions{Namespace: "default", Limit: 2, Continue: page.Continue})
		if err != nil || names(page.Records) != "m4" || page.Continue != "" || page.Remaining != nil || page.Revision != start {
			t.Fatalf("%+v, %v", page, err)
		}
	}
	for _, bad := range []string{"?", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi9zZWNyZXRzIn0"} {
		if _, err := w.maps.List(ctx, storage.ListOptions{Continue: bad}); !errors.Is(err, storage.ErrContinue) {
			t.Errorf("token %q: %v", bad, err)
		}
	}
}

func listExact(t *testing.T, w *world) {
	a := create(t, w.maps, configMap("default", "a", "k=1"))
	b := create(t, w.maps, configMap("default", "b"))
	set(t, w.maps, "default", "a", func(m *corev1.ConfigMap) { m.Data["k"] = "2" })
	remove(t, w.maps, "default", "b")
	page, err := w.maps.List(t.Context(), storage.ListOptions{Match: storage.MatchExact, Revision: b.Revision})
	if err != nil || names(page.Records) != "a b" || page.Revision != b.Revision {
		t.Fatalf("%v, %v", page, err)
	}
	obj, err := page.Records[0].Object()
	if err != nil || obj.(*corev1.ConfigMap).Data["k"] != "1" || page.Records[0].Revision != a.Revision {
		t.Errorf("%v, %v", obj, err)
	}
}

// names joins the names of records.
func names(records []*storage.Record) string {
	var list []string
	for _, r := range records {
		list = append(list, r.Name)
	}
	return strings.Join(list, " ")
}

// second runs another store on the same etcd.
func second(t *testing.T, w *world) *world {
	o, _ := run(t, w.etcd)
	return o
}

// jsonForm is a form as a server would have it.
var jsonForm = &storage.Form{Name: "json", Encode: func(obj api.Object) ([]byte, error) { return json.Marshal(obj) }}
