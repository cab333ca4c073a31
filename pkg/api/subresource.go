package api

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Status returns the status subresource of a kind. put takes from the body what a
// write may change beside the metadata, which come along. validate answers for the
// outcome; nil means the resource's ValidateUpdate.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#status-subresource
func Status[T Object](put func(ctx context.Context, to, from T), validate func(obj, old Object) field.ErrorList) Subresource {
	return Subresource{Name: "status", Verbs: []string{"get", "patch", "update"}, Validate: validate,
		Put: func(ctx context.Context, parent, body Object) error {
			put(ctx, parent.(T), body.(T))
			*metaOf(parent) = *metaOf(body)
			return nil
		},
	}
}

// StatusAlone is Status for a kind whose metadata such a write leaves as they are.
func StatusAlone[T Object](put func(ctx context.Context, to, from T), validate func(obj, old Object) field.ErrorList) Subresource {
	status := Status(put, validate)
	status.ResetFields = []string{"metadata", "spec"}
	status.Put = func(ctx context.Context, parent, body Object) error {
		put(ctx, parent.(T), body.(T))
		parent.SetManagedFields(body.GetManagedFields())
		return nil
	}
	return status
}

func metaOf(obj Object) *metav1.ObjectMeta {
	return obj.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta)
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
