package control

import (
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/cache"
)

// Writes remembers what each key's syncs have written until the caches show it,
// so that no sync acts on a state that is older than its own deeds. It rests on
// resourceVersions of one resource being ordered (KEP-5504). The zero value is
// ready; it is safe for concurrent use.
type Writes struct {
	mu sync.Mutex
	// pending holds one function a write that has not been seen; each says
	// whether it has been now. A key without any is not in the map.
	pending map[string][]func() bool
}

// Made notes that a sync of key wrote obj, as the server answered it, and that
// store will show it.
func (w *Writes) Made(key string, store cache.Store, obj metav1.Object) {
	rv := obj.GetResourceVersion()
	w.expect(key, func() bool { return reached(store, Key(obj), rv) })
}

// Removed notes that a sync of key asked for the deletion of obj.
func (w *Writes) Removed(key string, store cache.Store, obj metav1.Object) {
	name, uid := Key(obj), obj.GetUID()
	w.expect(key, func() bool { return leaving(store, name, uid) })
}

// Newer returns the error of a write that was guarded by the revision that a cache
// had, and nil for a conflict: there is a newer state, and its event wakes the key.
func Newer(err error) error {
	if apierrors.IsConflict(err) {
		return nil
	}
	return err
}

func (w *Writes) expect(key string, seen func() bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending == nil {
		w.pending = map[string][]func() bool{}
	}
	w.pending[key] = append(w.pending[key], seen)
}

// Seen says whether the caches show all that syncs of key have written. The
// event that brings the last of it must wake key again.
func (w *Writes) Seen(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []func() bool
	for _, seen := range w.pending[key] {
		if !seen() {
			left = append(left, seen)
		}
	}
	if len(left) == 0 {
		delete(w.pending, key)
		return true
	}
	w.pending[key] = left
	return false
}

// Forget drops what is pending for a key whose object is gone.
func (w *Writes) Forget(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pending, key)
}

// reached says whether store has come as far as revision rv of the object named
// key. The object itself is asked first: the store's own revision may be ahead
// of it only when the object has been deleted since.
func reached(store cache.Store, key, rv string) bool {
	if obj, ok, _ := store.GetByKey(key); ok {
		return !before(obj.(metav1.Object).GetResourceVersion(), rv)
	}
	return !before(store.LastStoreSyncResourceVersion(), rv)
}

// before says whether revision a is older than b. Revisions that cannot be
// compared are not, so that a server with other ones only loses the guarantee.
func before(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

func leaving(store cache.Store, key string, uid types.UID) bool {
	obj, ok, _ := store.GetByKey(key)
	if !ok {
		return true
	}
	object := obj.(metav1.Object)
	return object.GetUID() != uid || object.GetDeletionTimestamp() != nil
}
