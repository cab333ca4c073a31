package openapi

import (
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
)

// operation is one method of one path, as both versions describe it.
type operation struct {
	path, method string
	id, tag      string
	description  string
	action       string // list, get, post, put, patch, delete, deletecollection, watch, watchlist, connect; empty without a kind
	kind         runtimeschema.GroupVersionKind
	query        []parameter
	consumes     []string // nil: anything
	produces     []string
	body         reflect.Type // nil: none
	bodyOptional bool
	answer       reflect.Type // nil: text
	created      bool         // 201 beside 200
	accepted     bool         // 202 beside 200
}

// parameter is one of a query or a path; required ones are of the path.
type parameter struct {
	name, kind, description string
}

var (
	statusType  = reflect.TypeFor[metav1.Status]()
	watchType   = reflect.TypeFor[metav1.WatchEvent]()
	deleteType  = reflect.TypeFor[metav1.DeleteOptions]()
	patchType   = reflect.TypeFor[metav1.Patch]()
	listParams  = queryOf(reflect.TypeFor[metav1.ListOptions]())
	createQuery = queryOf(reflect.TypeFor[metav1.CreateOptions]())
	updateQuery = queryOf(reflect.TypeFor[metav1.UpdateOptions]())
	patchQuery  = queryOf(reflect.TypeFor[metav1.PatchOptions]())
	deleteQuery = queryOf(deleteType, "dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents", "propagationPolicy")
	selecting   = slices.DeleteFunc(merged(listParams, deleteQuery), func(p parameter) bool { return p.name == "allowWatchBookmarks" || p.name == "watch" })
	pretty      = parameter{name: "pretty", kind: "string", description: "If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a browser or command-line HTTP tool (curl and wget)."}
)

// queryOf returns the parameters that fill a struct of options, all or those named.
func queryOf(t reflect.Type, names ...string) (params []parameter) {
	docs := doc(t)
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		p := parameter{name: name, kind: "string", description: docs[name]}
		kind := f.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		switch kind.Kind() {
		case reflect.Struct: // none that a query could fill
			continue
		case reflect.Bool:
			p.kind = "boolean"
		case reflect.Int64:
			p.kind = "integer"
		case reflect.Slice:
			if kind.Elem().Kind() == reflect.Int32 {
				p.kind = "integer"
			}
		}
		params = append(params, p)
	}
	slices.SortFunc(params, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	return params
}

// served is a resource under one of its versions.
type served struct {
	resource *api.Resource
	gv       runtimeschema.GroupVersion
	object   reflect.Type
	list     reflect.Type // nil for virtual ones
}

// servedOf returns every version of every resource.
func servedOf(resources []*api.Resource) (all []served) {
	for _, r := range resources {
		for _, v := range r.Served() {
			s := served{resource: r, gv: runtimeschema.GroupVersion{Group: v.Group, Version: v.Version}, object: elem(v.New())}
			if v.NewList != nil {
				s.list = elem(v.NewList())
			}
			all = append(all, s)
		}
	}
	return all
}

func elem(obj any) reflect.Type { return reflect.TypeOf(obj).Elem() }

// operations returns what can be done with a resource, path by path.
func (s served) operations() (ops []operation) {
	r := s.resource
	verbs := r.Verbs
	if verbs == nil {
		verbs = api.AllVerbs
	}
	can := func(verb string) bool { return slices.Contains(verbs, verb) }
	collection := s.root() + "/" + r.Plural
	if r.Namespaced {
		collection = s.root() + "/namespaces/{namespace}/" + r.Plural
	}
	one := collection + "/{name}"
	add := func(ok bool, op operation) {
		if ok {
			ops = append(ops, op)
		}
	}
	add(can("list"), s.op("GET", collection, "list", "list", "list or watch objects of kind "+r.Kind, "", s.list, listParams))
	add(can("create"), s.op("POST", collection, "create", "post", "create "+article(r.Kind), "", s.object, createQuery).with(s.object))
	add(can("deletecollection"), s.op("DELETE", collection, "deletecollection", "deletecollection", "delete collection of "+r.Kind, "", statusType,
		selecting).with(deleteType))
	add(can("get"), s.op("GET", one, "read", "get", "read the specified "+r.Kind, "", s.object, nil))
	add(can("update"), s.op("PUT", one, "replace", "put", "replace the specified "+r.Kind, "", s.object, updateQuery).with(s.object))
	add(can("patch"), s.op("PATCH", one, "patch", "patch", "partially update the specified "+r.Kind, "", s.object, patchQuery).with(patchType))
	add(can("delete"), s.op("DELETE", one, "delete", "delete", "delete "+article(r.Kind), "", s.deleted(), deleteQuery).with(deleteType))
	for i := range r.Subresources {
		ops = append(ops, s.subresource(one, &r.Subresources[i])...)
	}
	if r.Namespaced && can("list") {
		all := s.op("GET", s.root()+"/"+r.Plural, "list", "list", "list or watch objects of kind "+r.Kind, "", s.list, listParams)
		all.id = "list" + idOf(s.gv) + r.Kind + "ForAllNamespaces"
		ops = append(ops, all)
	}
	if can("watch") {
		ops = append(ops, s.watches(strings.TrimPrefix(collection, s.root()))...)
	}
	return ops
}

// watches are the paths below /watch, which only watch.
func (s served) watches(collection string) (ops []operation) {
	add := func(path, action, what, suffix string) {
		op := s.op("GET", s.root()+"/watch"+path, "watch", action, what, suffix, watchType, listParams)
		op.produces = streamTypes
		ops = append(ops, op)
	}
	many := "watch individual changes to a list of " + s.resource.Kind + ". deprecated: use the 'watch' parameter with a list operation instead."
	add(collection, "watchlist", many, "List")
	add(collection+"/{name}", "watch", "watch changes to an object of kind "+s.resource.Kind+". deprecated: use the 'watch' parameter with a list operation "+
		"instead, filtered to a single item with the 'fieldSelector' parameter.", "")
	if s.resource.Namespaced {
		add("/"+s.resource.Plural, "watchlist", many, "List")
		ops[2].id = "watch" + idOf(s.gv) + s.resource.Kind + "ListForAllNamespaces"
	}
	return ops
}

// deleted is what a delete answers: the object, or a status. Upstream says a status
// of namespaces, which it answers with the object.
func (s served) deleted() reflect.Type {
	if (s.resource.Grace != nil || s.resource.ReturnDeleted) && s.resource.Kind != "Namespace" {
		return s.object
	}
	return statusType
}

func (s served) op(method, path, word, action, description, suffix string, answer reflect.Type, query []parameter) operation {
	scope := s.resource.Kind + suffix
	if s.resource.Namespaced {
		scope = "Namespaced" + scope
	}
	id := word + idOf(s.gv) + scope
	if action == "deletecollection" {
		id = "delete" + idOf(s.gv) + "Collection" + scope
	}
	op := operation{
		method: method, path: path, id: id, tag: tagOf(s.gv), description: description, action: action,
		kind: s.gv.WithKind(s.resource.Kind), query: merged(query, []parameter{pretty}), answer: answer, produces: bodyTypes,
		created:  method == "POST" || method == "PUT" || method == "PATCH",
		accepted: method == "POST" || action == "delete",
	}
	switch action {
	case "list":
		op.produces = streamTypes
	case "patch":
		op.consumes = patchTypes
	}
	return op
}

// with returns the operation with a body of type t.
func (o operation) with(t reflect.Type) operation {
	o.body, o.bodyOptional = t, t == deleteType
	return o
}

func merged(a, b []parameter) []parameter {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(all, func(a, b parameter) bool { return a.name == b.name })
}

// codes are the answers of an operation that went well.
func (o operation) codes() map[string]string {
	codes := map[string]string{"200": "OK"}
	if o.created {
		codes["201"] = "Created"
	}
	if o.accepted {
		codes["202"] = "Accepted"
	}
	return codes
}

// pathParameters are the names in braces.
func pathParameters(path string) (params []parameter) {
	if strings.Contains(path, "{name}") {
		params = append(params, parameter{name: "name", description: "name of the object"})
	}
	if strings.Contains(path, "{namespace}") {
		params = append(params, parameter{name: "namespace", description: "object name and auth scope, such as for teams and projects"})
	}
	if strings.Contains(path, "{path}") {
		params = append(params, parameter{name: "path", description: "path to the resource"})
	}
	return params
}
