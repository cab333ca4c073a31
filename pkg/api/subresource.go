package api

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Status returns the status subresource of a kind. put takes what a status
// write may change, the status and the metadata, from body into parent.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#status-subresource
func Status(put func(ctx context.Context, parent, body Object) error) Subresource {
	return Subresource{Name: "status", Verbs: []string{"get", "patch", "update"}, Put: put}
}

// Connect returns a subresource that is a connection or an action, which the
// server handles by its name. kind is what discovery says of it.
func Connect(name string, kind schema.GroupVersionKind, verbs ...string) Subresource {
	return Subresource{Name: name, Kind: kind, Verbs: verbs, Connect: true}
}

// Action returns a subresource that does something with a body of a kind of its
// own and answers with the same: a token made, a pod evicted. The server handles
// it by its name.
func Action(name string, kind schema.GroupVersionKind, new func() Object) Subresource {
	return Subresource{Name: name, Kind: kind, New: new, Verbs: []string{"create"}, Connect: true}
}

// ProxyVerbs are the verbs that discovery lists for a proxy subresource.
var ProxyVerbs = []string{"create", "delete", "get", "patch", "update"}

// AllVerbs are the verbs of a stored resource.
var AllVerbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}

// CoreKind returns the kind of the core group's v1.
func CoreKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: kind}
}

// AlwaysValid accepts what a Put has made, for a subresource whose Put refuses
// by itself what may not be.
func AlwaysValid(Object, Object) field.ErrorList { return nil }
