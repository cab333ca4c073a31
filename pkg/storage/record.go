package storage

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
)

// Record is one revision of one object: what selectors need to know about it
// and its bytes. It is immutable and safe for concurrent use.
//
// A Record holds the stored bytes, not the object, which takes several times
// the room. The other forms are made from them when they are first asked for.
type Record struct {
	Key       string
	Namespace string // "" if the resource has none
	Name      string
	UID       types.UID
	Revision  int64      // the resourceVersion; that of the delete in a DELETED event
	Labels    labels.Set // read-only

	collection *Collection
	stored     []byte
	fields     []string // values of the resource's FieldNames, in their order
	corrupt    error    // why stored cannot be decoded; wraps ErrCorrupt

	forms  atomic.Pointer[slot]
	object atomic.Pointer[held] // of a recent write, until others push it out of warm
}

// held boxes an object, for an interface has no atomic pointer.
type held struct{ obj api.Object }

// facts are what a Record knows about its object beside the bytes.
type facts struct {
	uid    types.UID
	labels labels.Set
	fields []string
}

// factsOf reads the facts from obj; they share its strings and its labels.
func (c *Collection) factsOf(obj api.Object) facts {
	f := facts{uid: obj.GetUID(), labels: obj.GetLabels()}
	if c.resource.Fields != nil && len(c.resource.FieldNames) > 0 {
		set := c.resource.Fields(obj)
		f.fields = make([]string, len(c.resource.FieldNames))
		for i, name := range c.resource.FieldNames {
			f.fields[i] = set[name]
		}
	}
	return f
}

func (c *Collection) newRecord(key string, stored []byte, revision int64, f facts) *Record {
	r := &Record{
		Key: key, UID: f.uid, Revision: revision, Labels: f.labels,
		collection: c, stored: stored, fields: f.fields,
	}
	r.Namespace, r.Name = c.split(key)
	return r
}

// readRecord makes the Record of bytes that came from etcd. Bytes that cannot be decoded
// make a Record that answers with an error, so that one bad value harms no other.
func (c *Collection) readRecord(key string, stored []byte, revision int64) *Record {
	obj, err := decode(c.resource, stored, revision)
	if err != nil {
		r := c.newRecord(key, stored, revision, facts{})
		r.corrupt = fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
		return r
	}
	return c.newRecord(key, stored, revision, c.factsOf(obj))
}

// share makes r hold the labels and fields of other, which may be nil, where
// they are the same: an object mostly keeps them, and neighbours are often
// made from one template. They take a sixth of a pod's memory. r is not in use yet.
func (r *Record) share(other *Record) {
	if other == nil {
		return
	}
	if maps.Equal(r.Labels, other.Labels) {
		r.Labels = other.Labels
	}
	if slices.Equal(r.fields, other.fields) {
		r.fields = other.fields
	}
}

// at returns r's state under another revision: what a DELETED event carries.
func (r *Record) at(revision int64) *Record {
	n := r.collection.newRecord(r.Key, r.stored, revision, facts{r.UID, r.Labels, r.fields})
	n.corrupt = r.corrupt
	return n
}

// Object returns a copy of the object for the caller to change: defaulted, with
// apiVersion, kind and resourceVersion. The error wraps ErrCorrupt.
func (r *Record) Object() (api.Object, error) {
	if h := r.object.Load(); h != nil {
		return h.obj.DeepCopyObject().(api.Object), nil
	}
	return r.decode()
}

func (r *Record) decode() (api.Object, error) {
	if r.corrupt != nil {
		return nil, r.corrupt
	}
	obj, err := decode(r.collection.resource, r.stored, r.Revision)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, r.Key, err)
	}
	return obj, nil
}

// Form is a way to encode an object. Forms are compared by address: declare
// each once.
type Form struct {
	Name string // for people
	// Encode must not change obj, which others read at the same time.
	Encode func(obj api.Object) ([]byte, error)
}

// slot keeps one Form of a Record. Slots are linked, newest first, and never removed.
type slot struct {
	form  *Form
	once  sync.Once
	bytes []byte
	err   error
	next  *slot
}

// Bytes returns the record in form f. It is encoded when it is first asked for,
// once, however many ask; an error is kept as well. Callers must not change the bytes.
func (r *Record) Bytes(f *Form) ([]byte, error) {
	s := r.slot(f)
	s.once.Do(func() {
		obj := api.Object(nil)
		if h := r.object.Load(); h != nil {
			obj = h.obj
		} else if obj, s.err = r.decode(); s.err != nil {
			return
		}
		s.bytes, s.err = f.Encode(obj)
	})
	return s.bytes, s.err
}

// slot finds the slot of f or adds it.
func (r *Record) slot(f *Form) *slot {
	for {
		head := r.forms.Load()
		for s := head; s != nil; s = s.next {
			if s.form == f {
				return s
			}
		}
		s := &slot{form: f, next: head}
		if r.forms.CompareAndSwap(head, s) {
			return s
		}
	}
}

// Predicate selects records. A nil selector selects all.
type Predicate struct {
	Label labels.Selector
	Field fields.Selector
}

// Empty says whether p selects everything.
func (p Predicate) Empty() bool {
	return (p.Label == nil || p.Label.Empty()) && (p.Field == nil || p.Field.Empty())
}

// Matches says whether p selects r.
func (r *Record) Matches(p Predicate) bool {
	return (p.Label == nil || p.Label.Matches(r.Labels)) &&
		(p.Field == nil || p.Field.Matches((*fieldView)(r)))
}

// The fields that every object can be selected by.
const (
	fieldName      = "metadata.name"
	fieldNamespace = "metadata.namespace"
)

// fieldView shows a Record's selectable fields to a fields.Selector.
type fieldView Record

func (v *fieldView) Has(field string) bool {
	switch field {
	case fieldName:
		return true
	case fieldNamespace:
		return v.collection.resource.Namespaced
	}
	return slices.Contains(v.collection.resource.FieldNames, field)
}

func (v *fieldView) Get(field string) string {
	switch field {
	case fieldName:
		return v.Name
	case fieldNamespace:
		return v.Namespace
	}
	if i := slices.Index(v.collection.resource.FieldNames, field); i >= 0 && i < len(v.fields) {
		return v.fields[i]
	}
	return ""
}

// warm remembers the newest records that still hold their object, so that the
// answer to a write and the first watchers need not decode what was just
// encoded. It bounds how many there are. Only the feed uses it.
type warm struct {
	records [128]*Record
	next    int
}

func (w *warm) hold(r *Record, obj api.Object) {
	if old := w.records[w.next]; old != nil {
		old.object.Store(nil)
	}
	r.object.Store(&held{obj})
	w.records[w.next] = r
	w.next = (w.next + 1) % len(w.records)
}
