package admission

import (
	"context"
	"slices"

	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// protections are the finalizers that keep what is in use from going.
var protections = map[string]string{
	"persistentvolumes":                      "kubernetes.io/pv-protection",
	"persistentvolumeclaims":                 "kubernetes.io/pvc-protection",
	"volumeattributesclasses.storage.k8s.io": "kubernetes.io/vac-protection",
}

// storageInUse is the plugin StorageObjectInUseProtection. A controller takes
// the finalizer off again once nothing uses the object.
type storageInUse struct{ plugin.Mutates }

// Mutate adds the finalizer to new volumes, claims and volume attributes classes.
func (storageInUse) Mutate(_ context.Context, a *request.Attributes) error {
	finalizer, kept := protections[a.Resource.GroupResource().String()]
	if !kept || a.Subresource != "" || a.Operation != request.Create {
		return nil
	}
	if present := a.Object.GetFinalizers(); !slices.Contains(present, finalizer) {
		a.Object.SetFinalizers(append(present, finalizer))
	}
	return nil
}
