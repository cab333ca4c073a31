// Package api says what the server serves: one Resource value for each kind,
// holding everything that is particular to it.
//
// A folder below this one is an API group, a file in it a resource. The server
// derives routes, discovery, OpenAPI, storage keys and RBAC names from the list
// of these values; nothing about a kind stands anywhere else. A Resource is
// made once at start, never changed, and safe for concurrent use.
//
// The functions of a Resource are pure: they read and change the objects that
// they are given and nothing else. They know no storage, no HTTP and no clock
// other than the time that is handed to them. Wire types are those of
// k8s.io/api, at their external versions only.
package api

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Object is any object with metadata: what a Resource is about.
type Object interface {
	runtime.Object
	metav1.Object
}

// Resource is the definition of one kind. Fields that say so may be left zero.
type Resource struct {
	Group      string   // "" for the core group
	Version    string   // the version that is stored and preferred, "v1"
	Kind       string   // "Deployment"
	Plural     string   // "deployments": in paths, RBAC rules and storage keys
	Singular   string   // "deployment"
	ShortNames []string // "deploy"; may be nil
	Categories []string // "all"; may be nil
	Namespaced bool
	Verbs      []string // nil means every verb of a stored resource

	// StoragePath is the key's part after /registry/, without slashes at either
	// end. Empty means Plural. Upstream's exceptions ("minions",
	// "services/specs") are why it exists.
	StoragePath string
	// StorageVersion is written into stored objects where upstream still writes an
	// older version, with the same fields. Empty means Version.
	StorageVersion string
	// StorageJSON says that objects are stored as JSON and not as protobuf (upstream:
	// APIService, CustomResourceDefinition).
	StorageJSON bool

	New     func() Object         // an empty object of Version
	NewList func() runtime.Object // an empty list of Version

	// MaxValues is how many values (elements, entries, objects) a body may hold, for
	// kinds of which a single object can have more than others may. Zero means as others.
	MaxValues int

	// Virtual resources (reviews, bindings, component statuses) have no storage: the
	// server answers a create, or a get and a list, with a handler that it knows by
	// group and plural.
	Virtual bool

	// Default fills what the client left open, as upstream's SetDefaults do.
	// It runs on each decoded body and on each stored object that is read for a write.
	Default func(obj Object)

	// PrepareCreate and PrepareUpdate reset what a client may not set
	// (status, generation) and count generations. Metadata that all
	// kinds share (uid, creationTimestamp, ...) is not their business.
	PrepareCreate func(ctx context.Context, obj Object)
	PrepareUpdate func(ctx context.Context, obj, old Object)

	// Validate answers for a new object, ValidateUpdate for a changed one, in
	// upstream's wording and order. The server validates ObjectMeta before it
	// calls them, by ValidateName for the name. May be nil.
	Validate       func(obj Object) field.ErrorList
	ValidateUpdate func(obj, old Object) field.ErrorList
	ValidateName   func(name string, prefix bool) []string // nil: NameIsDNSSubdomain

	// Deprecation is sent as a Warning header with every answer about the kind. May be empty.
	Deprecation string
	// LateMeta says that ObjectMeta is validated only when Validate finds nothing
	// wrong, and its name as a path segment (upstream: Event).
	LateMeta bool

	// Warnings are sent as Warning headers beside a successful write; old is
	// nil on create. May be nil.
	Warnings func(ctx context.Context, obj, old Object) []string
	// DeleteWarnings are sent with every answer to a delete, by what its options
	// say. May be nil.
	DeleteWarnings func(options *metav1.DeleteOptions) []string

	// Columns and Row make the Table. Row returns one cell a column. Both nil
	// means upstream's default: Name and Created At.
	Columns []metav1.TableColumnDefinition
	Row     func(obj Object, now time.Time) []any
	// RowConditions marks a row, as a pod's that has completed. May be nil.
	RowConditions func(obj Object) []metav1.TableRowCondition
	// DefaultOf returns the index of the object in a list that is the default of
	// its kind, which the list's table says after its name; -1 if none is. May be nil.
	DefaultOf func(list []Object) int

	// Fields are the selectable fields beside metadata.name and
	// metadata.namespace. May be nil.
	Fields func(obj Object) fields.Set
	// FieldNames lists them, for the error on an unknown one. May be nil.
	FieldNames []string
	// UnknownField is the error about any other field, with %q in place of its
	// name. Empty means upstream's usual words.
	UnknownField string

	// HiddenAnnotation is an annotation that upstream keeps as a field of its
	// internal type: whoever asks for metadata alone does not see it. May be empty.
	HiddenAnnotation string

	// TTL is how long an object lives in storage; zero means forever.
	TTL func(obj Object) time.Duration

	// CreateOnUpdate allows a PUT to create what is not there (Lease, Event, ...).
	CreateOnUpdate bool
	// UnconditionalUpdate allows a PUT without resourceVersion.
	UnconditionalUpdate bool

	// Grace returns the seconds that a delete of obj leaves it before it goes,
	// for kinds that are deleted gracefully (Pod). nil means none: it goes at once.
	// It may prepare opts and obj as upstream's CheckGracefulDelete does.
	Grace func(obj Object, opts *metav1.DeleteOptions) int64

	// BeginDelete is called when a delete marks obj. It may change the status and
	// reports whether obj stays for a reason of its own, beside the finalizers of
	// its metadata (Namespace). A later write with which that reason is gone
	// removes the object. nil means there is none.
	BeginDelete func(obj Object) (stays bool)

	// ReturnDeleted says that a delete answers with the object that is gone and not
	// with a Status (upstream: Pod, Service, ServiceAccount, ...).
	ReturnDeleted bool

	// DefaultOrphan says that dependents are orphaned when the client names no
	// propagation policy (upstream: ReplicationController and old APIs only).
	DefaultOrphan bool

	// ResetFields are the fields, as dotted paths, that a write leaves as they are or
	// that the server fills in, so that a client that sends them does not own
	// them. nil means the status, if that is a subresource.
	ResetFields []string

	Subresources []Subresource

	// Versions are the other group-versions under which the same stored
	// objects are served (events.k8s.io/v1 beside v1). May be nil.
	Versions []Version
	// Hidden says that the resource is not served in Version, only in Versions.
	Hidden bool
}

// Served returns the versions that clients can ask for.
func (r *Resource) Served() (served []Version) {
	main := Version{Group: r.Group, Version: r.Version, New: r.New, NewList: r.NewList, Hidden: r.Hidden}
	for _, v := range append([]Version{main}, r.Versions...) {
		if !v.Hidden {
			served = append(served, v)
		}
	}
	return served
}

// GroupVersionKind returns the kind in the version that the definition is about.
func (r *Resource) GroupVersionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
}

// StorageKind returns the kind that is written into stored objects.
func (r *Resource) StorageKind() schema.GroupVersionKind {
	gvk := r.GroupVersionKind()
	if r.StorageVersion != "" {
		gvk.Version = r.StorageVersion
	}
	return gvk
}

// GroupResource returns the name that errors and RBAC rules use.
func (r *Resource) GroupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.Group, Resource: r.Plural}
}

// Subresource is a part of an object that is served under a path of its own.
type Subresource struct {
	Name  string   // "status", "scale", "binding"
	Verbs []string // "get", "update", "patch", "create"

	// Kind and New are of the body; zero means the parent's.
	Kind schema.GroupVersionKind
	New  func() Object

	// Default fills what the client left open in a body of another kind. May be nil.
	Default func(body Object)

	// Get derives the body from the parent; nil means the parent itself. A
	// subresource with Get is a view of the spec: PrepareUpdate runs after its
	// Put, as it does after an update of the parent.
	Get func(parent Object) (Object, error)

	// Put writes body into parent, which holds the stored state, and returns what may
	// not be as a StatusError of apimachinery's api/errors, if anything. It is
	// called for create, update and patch.
	Put func(ctx context.Context, parent, body Object) error

	// ResetFields are the resource's ResetFields for writes through the subresource.
	// nil means the spec for the status, and the resource's for others.
	ResetFields []string

	// Validate answers for parent after Put; nil means the resource's
	// ValidateUpdate.
	Validate func(parent, old Object) field.ErrorList

	// Warnings are the resource's Warnings for writes of a status, which is the
	// only part that they speak of. May be nil.
	Warnings func(ctx context.Context, parent, old Object) []string

	// Columns and Row make the Table of a body that is of a kind of its own, as those of
	// a Resource do.
	Columns []metav1.TableColumnDefinition
	Row     func(body Object, now time.Time) []any

	// Connect marks what is not data at all but a connection or an action that
	// the server handles by name: log, exec, attach, portforward, proxy,
	// token, eviction. The functions above are nil then.
	Connect bool
}

// Version is another form of the same stored objects.
type Version struct {
	Group, Version string
	New            func() Object
	NewList        func() runtime.Object
	// To converts a stored object to this form and From does the reverse. Both
	// return a new object and leave the given one alone.
	To   func(stored Object) (Object, error)
	From func(served Object) (Object, error)
	// FieldLabels are what the selectable fields are called in this version, each
	// with its name in Fields; nil means the same. metadata's own go without saying.
	FieldLabels map[string]string
	// Validate and ValidateUpdate take the place of the resource's for what is
	// written in this version. They see objects in the stored form. nil: the resource's.
	Validate       func(obj Object) field.ErrorList
	ValidateUpdate func(obj, old Object) field.ErrorList
	// Preferred marks the version that discovery lists first in its group.
	Preferred bool
	// Hidden marks a form that objects may be stored in and that is not served. It
	// needs no To then.
	Hidden bool
}
