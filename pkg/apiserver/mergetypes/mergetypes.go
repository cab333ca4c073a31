// Package mergetypes knows how server-side apply merges the fields of each kind:
// which lists are sets or maps by a key, and what is replaced as a whole. Go's
// types do not say so. The schemas come with the clients of each API.
//
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
package mergetypes

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/applyconfiguration"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// New returns what shows objects of all kinds of scheme to the merge library.
func New(scheme *runtime.Scheme) managedfields.TypeConverter {
	return &types{TypeConverter: applyconfigurations.NewTypeConverter(scheme), others: map[string]managedfields.TypeConverter{
		apiregistrationv1.GroupName: aggregator.NewTypeConverter(scheme),
		apiextensionsv1.GroupName:   newDefinitionTypes(scheme),
	}, bodies: newBodyTypes(scheme)}
}

// types are those of k8s.io/api, and beside them the groups that are not in there.
type types struct {
	managedfields.TypeConverter
	others map[string]managedfields.TypeConverter
	bodies managedfields.TypeConverter
}

func (t *types) ObjectToTyped(obj runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	kind := obj.GetObjectKind().GroupVersionKind()
	if _, ok := bodies[kind]; ok {
		return t.bodies.ObjectToTyped(obj, options...)
	}
	if other, ok := t.others[kind.Group]; ok {
		return other.ObjectToTyped(obj, options...)
	}
	return t.TypeConverter.ObjectToTyped(obj, options...)
}
