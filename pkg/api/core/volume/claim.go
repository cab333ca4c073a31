package volume

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/claim"
)

// Claim is the definition of persistentvolumeclaims.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/
var Claim = &api.Resource{
	Version:       "v1",
	Kind:          "PersistentVolumeClaim",
	Plural:        "persistentvolumeclaims",
	Singular:      "persistentvolumeclaim",
	ShortNames:    []string{"pvc"},
	Namespaced:    true,
	ReturnDeleted: true,
	New:           func() api.Object { return &corev1.PersistentVolumeClaim{} },
	NewList:       func() runtime.Object { return &corev1.PersistentVolumeClaimList{} },

	Default:             func(obj api.Object) { claim.Default(obj.(*corev1.PersistentVolumeClaim)) },
	PrepareCreate:       prepareClaimCreate,
	PrepareUpdate:       prepareClaimUpdate,
	Validate:            validateClaim,
	ValidateUpdate:      validateClaimUpdate,
	Warnings:            claimWarnings,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Status", "string", corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["phase"]),
		api.Column("Volume", "string", claimDoc["volumeName"]),
		api.Column("Capacity", "string", corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["capacity"]),
		api.Column("Access Modes", "string", corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["accessModes"]),
		api.Column("StorageClass", "string", "StorageClass of the pvc"),
		api.Column("VolumeAttributesClass", "string", "VolumeAttributesClass of the pvc"),
		api.AgeColumn,
		api.WideColumn("VolumeMode", "string", claimDoc["volumeMode"]),
	},
	Row: claimRow,

	Subresources: []api.Subresource{
		api.Status(putClaimStatus, validateClaimStatus),
	},
}

var claimDoc = corev1.PersistentVolumeClaimSpec{}.SwaggerDoc()

func prepareClaimCreate(_ context.Context, obj api.Object) {
	c := obj.(*corev1.PersistentVolumeClaim)
	c.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
	dropSources(&c.Spec)
	sameSources(&c.Spec)
}

func prepareClaimUpdate(_ context.Context, obj, old api.Object) {
	c, before := obj.(*corev1.PersistentVolumeClaim), old.(*corev1.PersistentVolumeClaim)
	c.Status = before.Status
	if before.Spec.DataSource == nil && before.Spec.DataSourceRef == nil {
		dropSources(&c.Spec)
	}
	sameSources(&c.Spec)
}

// dropSources drops what a claim is to be filled from where that is not
// possible: from another namespace, and, as ever without a word, by the old
// field from anything but a claim or a snapshot.
//
// https://kep.k8s.io/1495
func dropSources(spec *corev1.PersistentVolumeClaimSpec) {
	if ref := spec.DataSourceRef; ref != nil && ptr.Deref(ref.Namespace, "") != "" {
		spec.DataSourceRef = nil
	}
	if spec.DataSourceRef != nil || spec.DataSource == nil {
		return
	}
	switch group := ptr.Deref(spec.DataSource.APIGroup, ""); {
	case group == "" && spec.DataSource.Kind == "PersistentVolumeClaim":
	case group == "snapshot.storage.k8s.io" && spec.DataSource.Kind == "VolumeSnapshot":
	default:
		spec.DataSource = nil
	}
}

// sameSources has the old and the new field say the same.
func sameSources(spec *corev1.PersistentVolumeClaimSpec) {
	switch source, ref := spec.DataSource, spec.DataSourceRef; {
	case source != nil && ref == nil:
		spec.DataSourceRef = &corev1.TypedObjectReference{APIGroup: source.APIGroup, Kind: source.Kind, Name: source.Name}
	case source == nil && ref != nil:
		spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: ref.APIGroup, Kind: ref.Kind, Name: ref.Name}
	}
}

func putClaimStatus(_ context.Context, to, from *corev1.PersistentVolumeClaim) {
	to.Status = from.Status
	to.Status.HealthStatus = nil // upstream's gate CSIVolumeHealth is off
}

func claimRow(obj api.Object, now time.Time) []any {
	c := obj.(*corev1.PersistentVolumeClaim)
	size, access := "", ""
	if c.Spec.VolumeName != "" {
		storage := c.Status.Capacity[corev1.ResourceStorage]
		size, access = storage.String(), modes(c.Status.AccessModes)
	}
	return []any{
		c.Name, phase(c, string(c.Status.Phase)), c.Spec.VolumeName, size, access,
		class(c, ptr.Deref(c.Spec.StorageClassName, "")), orUnset(c.Spec.VolumeAttributesClassName),
		api.Age(c.CreationTimestamp, now), orUnset(c.Spec.VolumeMode),
	}
}
