package fieldmanager

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// A view of an object, its Scale, has managed fields of its own while it is
// written: those of the object that are about the one field it shows.

// replicas is the field of every kind with a scale that the Scale is about.
var replicas = fieldpath.MakePathOrDie("spec", "replicas")

// ToView returns what of the parent's managed fields is about the view.
func (m *Manager) ToView(parent []metav1.ManagedFieldsEntry) ([]metav1.ManagedFieldsEntry, error) {
	return m.view(parent).ToSubresource()
}

// ToParent returns the parent's managed fields after a write of the view left it
// with those of view.
func (m *Manager) ToParent(parent, view []metav1.ManagedFieldsEntry) ([]metav1.ManagedFieldsEntry, error) {
	return m.view(parent).ToParent(view)
}

func (m *Manager) view(parent []metav1.ManagedFieldsEntry) *managedfields.ScaleHandler {
	paths := managedfields.ResourcePathMappings{m.kind.Resource.GroupVersionKind().GroupVersion().String(): replicas}
	for _, v := range m.kind.Resource.Versions {
		paths[metav1.GroupVersion{Group: v.Group, Version: v.Version}.String()] = replicas
	}
	return managedfields.NewScaleHandler(parent, m.kind.parent().GroupVersion(), paths)
}

// view says whether the subresource is of another kind than its parent.
func (k Kind) view() bool { return k.gvk() != k.parent() }
