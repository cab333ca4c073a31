// Package mergetypes knows how server-side apply merges the fields of each kind:
// which lists are sets or maps by a key, and what is replaced as a whole. Go's
// types do not say so. The schemas come with the clients of each API.
//
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
package mergetypes

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/applyconfiguration"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// New returns what shows objects of all kinds of scheme to the merge library.
func New(scheme *runtime.Scheme) managedfields.TypeConverter {
	return &types{TypeConverter: applyconfigurations.NewTypeConverter(scheme), aggregator: aggregator.NewTypeConverter(scheme)}
}

// types are those of k8s.io/api, and beside them the one group that is not in there.
type types struct {
	managedfields.TypeConverter
	aggregator managedfields.TypeConverter
}

func (t *types) ObjectToTyped(obj runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	if obj.GetObjectKind().GroupVersionKind().Group == apiregistrationv1.GroupName {
		return t.aggregator.ObjectToTyped(obj, options...)
	}
	return t.TypeConverter.ObjectToTyped(obj, options...)
}
