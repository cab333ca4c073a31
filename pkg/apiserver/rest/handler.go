package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/fieldmanager"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// Action answers a create of something that is not stored: a virtual resource
// (a review) or a subresource that does something (token, eviction). name is
// the parent's, empty for virtual resources. What it returns is the answer, with status 201.
type Action func(ctx context.Context, namespace, name string, body api.Object) (runtime.Object, error)

// Lister answers a read of something that is not stored: with all objects that
// there are at present.
type Lister func(ctx context.Context) ([]api.Object, error)

// Companion keeps other objects in step with those of a resource: the IPAddress
// beside a Service.
type Companion interface {
	// Create completes obj, which has not been validated yet, and returns what
	// is to be written in the same transaction.
	Create(ctx context.Context, obj api.Object, dryRun bool) ([]storage.Op, error)
	// Update completes obj, which replaces old, an empty object if there is
	// none. done is called with whether obj was written, to undo or to finish
	// what was taken or is no longer used.
	Update(ctx context.Context, obj, old api.Object, dryRun bool) (done func(written bool), err error)
	// Deleted gives back what obj, which is gone, held.
	Deleted(ctx context.Context, obj api.Object)
}

// Config is what a Handler needs. All fields but the last four are required.
type Config struct {
	Resources  []*api.Resource
	Store      *storage.Store
	Scheme     *runtime.Scheme
	Authorizer request.Authorizer
	Admission  request.Admission

	Listers    map[string]Lister       // "componentstatuses"
	Actions    map[string]Action       // "tokenreviews.authentication.k8s.io", "serviceaccounts/token"
	Connectors map[string]http.Handler // "pods/log"; authorized, and audited as any request
	Companions map[string]Companion    // "services"

	Draining <-chan struct{} // closed: watches end. May be nil
}

// Handler serves all resource paths. It is safe for concurrent use.
type Handler struct {
	Config
	decoder   *wire.Decoder
	types     *fieldmanager.Types
	endpoints map[endpointKey]*endpoint
}

type endpointKey struct{ group, version, resource string }

// endpoint is one resource as it is served in one version.
type endpoint struct {
	*Handler
	resource   *api.Resource
	form       api.Version // without To and From: served as stored
	kind       *wire.Kind
	collection *storage.Collection // nil for virtual resources
	subs       map[string]*subresource
	companion  Companion // may be nil
	fields     *fieldmanager.Manager
}

// subresource is one of an endpoint's.
type subresource struct {
	api.Subresource
	kind   *wire.Kind
	view   bool // the body is not the parent's kind
	fields *fieldmanager.Manager
}

// NewHandler makes the endpoints of all resources and versions.
func NewHandler(c Config) (*Handler, error) {
	h := &Handler{Config: c, decoder: wire.NewDecoder(c.Scheme), types: fieldmanager.NewTypes(c.Scheme), endpoints: map[endpointKey]*endpoint{}}
	for _, r := range c.Resources {
		for _, v := range r.Served() {
			if err := h.add(r, v); err != nil {
				return nil, err
			}
		}
	}
	return h, nil
}

func (h *Handler) add(r *api.Resource, v api.Version) error {
	gvk := schema.GroupVersionKind{Group: v.Group, Version: v.Version, Kind: r.Kind}
	key := endpointKey{gvk.Group, gvk.Version, r.Plural}
	if h.endpoints[key] != nil {
		return fmt.Errorf("resource %s of %s is defined twice", r.Plural, gvk.GroupVersion())
	}
	if v.Validate == nil {
		v.Validate = r.Validate
	}
	if v.ValidateUpdate == nil {
		v.ValidateUpdate = r.ValidateUpdate
	}
	e := &endpoint{Handler: h, resource: r, form: v, kind: wire.NewKind(r, gvk, v.To),
		subs: map[string]*subresource{}, companion: h.Companions[r.GroupResource().String()],
		fields: h.types.Manager(fieldmanager.Kind{Resource: r, Version: v})}
	if !r.Virtual {
		e.collection = h.Store.Collection(r)
	}
	for _, s := range r.Subresources {
		e.subs[s.Name] = newSubresource(e, s)
	}
	h.endpoints[key] = e
	return nil
}

func newSubresource(e *endpoint, s api.Subresource) *subresource {
	sub := &subresource{Subresource: s, kind: e.kind,
		fields: e.types.Manager(fieldmanager.Kind{Resource: e.resource, Version: e.form, Subresource: &s})}
	if s.New == nil {
		sub.New = e.form.New
	}
	if !s.Kind.Empty() && s.Kind != e.kind.GVK {
		sub.view = true
		sub.kind = wire.NewKind(&api.Resource{Columns: s.Columns, Row: s.Row}, s.Kind, nil)
	}
	return sub
}

// Warm does ahead what the first write would else have to wait for.
func (h *Handler) Warm() { h.types.Warm() }

// ServeHTTP serves a request for a resource.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := h.find(w, r)
	if err != nil {
		wire.Error(w, r, err)
		return
	}
	defer c.trace().End()
	if err := c.serve(); err != nil {
		wire.Error(w, c.r, err)
	}
}

func (c *call) serve() (err error) {
	if c.resource.Deprecation != "" {
		c.state.Warn(c.resource.Deprecation)
	}
	if c.sub != nil {
		return c.apiError(c.serveSubresource())
	}
	switch c.info.Verb {
	case "get":
		err = c.get()
	case "list":
		err = c.list()
	case "watch":
		err = c.watch()
	case "create":
		err = c.create()
	case "update":
		err = c.update()
	case "patch":
		err = c.patch()
	case "delete":
		err = c.delete()
	case "deletecollection":
		err = c.deleteCollection()
	}
	return c.apiError(err)
}

// find returns the call that a request is, or a 404 or 405 for what is not served.
func (h *Handler) find(w http.ResponseWriter, r *http.Request) (*call, error) {
	state := request.From(r.Context())
	info := state.Info
	e := h.endpoints[endpointKey{info.APIGroup, info.APIVersion, info.Resource}]
	if e == nil || !e.routed(info) {
		return nil, wire.NotFoundRoute()
	}
	c := &call{endpoint: e, w: w, r: r, ctx: api.WithWarn(api.WithUser(r.Context(), state.User.Info), state.Warn), state: state, info: info, namespace: info.Namespace}
	if !e.resource.Namespaced {
		c.namespace = ""
	}
	c.sub = e.subs[info.Subresource]
	if !c.allowed() {
		return nil, wire.MethodNotAllowed()
	}
	if c.sub == nil || !c.sub.Connect {
		if err := wire.CheckAccept(r, !named(info) && info.ReadOnly()); err != nil {
			return nil, err
		}
	}
	if problems := validatePathSegment(info.Name, false); named(info) && len(problems) > 0 {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("Name parameter invalid: %q: %s", info.Name, strings.Join(problems, ";")))
	}
	return c, nil
}

// routed says whether anything is served at the path, by whatever method.
func (e *endpoint) routed(info *request.Info) bool {
	verbs := e.verbs()
	switch {
	case e.resource.Namespaced && info.Namespace == "":
		return !named(info) && slices.Contains(verbs, "list")
	case !e.resource.Namespaced && info.Namespace != "" && (info.Resource != "namespaces" || info.Namespace != info.Name):
		return false
	case info.Subresource != "":
		return e.subs[info.Subresource] != nil && !info.OldWatch && (len(info.Parts) == 3 || info.Subresource == "proxy")
	}
	return !named(info) || slices.ContainsFunc(verbs, func(verb string) bool { return verb == "get" || verb == "delete" || verb == "update" })
}

// allowed says whether the method is one of those that the path has.
func (c *call) allowed() bool {
	verb := c.info.Verb
	if c.r.Method == http.MethodHead && c.info.Subresource != "proxy" || c.info.OldWatch && c.r.Method != http.MethodGet {
		return false
	}
	switch {
	case c.sub != nil && c.info.Subresource == "proxy" && c.r.Method == http.MethodOptions:
		return true
	case c.sub != nil:
		return slices.Contains(c.sub.Verbs, verb)
	case verb == "watch": // the route of lists; see watch
		return (c.info.OldWatch || !named(c.info)) && slices.Contains(c.verbs(), "list")
	case verb != "list" && !named(c.info) && c.resource.Namespaced && c.info.Namespace == "":
		return false
	}
	return fits(c.info) && slices.Contains(c.verbs(), verb)
}

// named says whether the path names an object, and not a collection.
func named(info *request.Info) bool { return len(info.Parts) > 1 }

// fits says whether the verb belongs to a path with or without a name.
func fits(info *request.Info) bool {
	switch info.Verb {
	case "create", "list", "deletecollection":
		return !named(info)
	default:
		return named(info)
	}
}

func (e *endpoint) verbs() []string {
	if e.resource.Verbs == nil {
		return api.AllVerbs
	}
	return e.resource.Verbs
}

// call is one request to an endpoint.
type call struct {
	*endpoint
	sub       *subresource // nil for the object itself
	w         http.ResponseWriter
	r         *http.Request
	ctx       context.Context
	state     *request.State
	info      *request.Info
	namespace string // of the objects; empty for cluster-wide kinds and for all namespaces
}
