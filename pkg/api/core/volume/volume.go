package volume

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// Volume is the definition of persistentvolumes.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-v1/
var Volume = &api.Resource{
	Version:       "v1",
	Kind:          "PersistentVolume",
	Plural:        "persistentvolumes",
	Singular:      "persistentvolume",
	ShortNames:    []string{"pv"},
	ReturnDeleted: true,
	New:           func() api.Object { return &corev1.PersistentVolume{} },
	NewList:       func() runtime.Object { return &corev1.PersistentVolumeList{} },

	Default:       defaultVolume,
	PrepareCreate: prepareVolumeCreate,
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		obj.(*corev1.PersistentVolume).Status = old.(*corev1.PersistentVolume).Status
	},
	Validate:            validateVolume,
	ValidateUpdate:      validateVolumeUpdate,
	Warnings:            volumeWarnings,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Capacity", "string", volumeDoc["capacity"]),
		api.Column("Access Modes", "string", volumeDoc["accessModes"]),
		api.Column("Reclaim Policy", "string", volumeDoc["persistentVolumeReclaimPolicy"]),
		api.Column("Status", "string", corev1.PersistentVolumeStatus{}.SwaggerDoc()["phase"]),
		api.Column("Claim", "string", volumeDoc["claimRef"]),
		api.Column("StorageClass", "string", "StorageClass of the pv"),
		api.Column("VolumeAttributesClass", "string", "VolumeAttributesClass of the pv"),
		api.Column("Reason", "string", corev1.PersistentVolumeStatus{}.SwaggerDoc()["reason"]),
		api.AgeColumn,
		api.WideColumn("VolumeMode", "string", volumeDoc["volumeMode"]),
	},
	Row: volumeRow,

	Subresources: []api.Subresource{
		api.Status(putVolumeStatus, api.AlwaysValid),
	},
}

var volumeDoc = corev1.PersistentVolumeSpec{}.SwaggerDoc()

func prepareVolumeCreate(ctx context.Context, obj api.Object) {
	obj.(*corev1.PersistentVolume).Status = corev1.PersistentVolumeStatus{
		Phase: corev1.VolumePending, LastPhaseTransitionTime: ptr.To(api.Now(ctx)),
	}
}

// putVolumeStatus notes when the phase changed, unless the client says so itself.
func putVolumeStatus(ctx context.Context, pv, from *corev1.PersistentVolume) {
	before := pv.Status
	pv.Status = from.Status
	said := pv.Status.LastPhaseTransitionTime
	switch changed := pv.Status.Phase != before.Phase; {
	case !changed && said == nil:
		pv.Status.LastPhaseTransitionTime = before.LastPhaseTransitionTime
	case changed && (said == nil || said.Equal(before.LastPhaseTransitionTime)):
		pv.Status.LastPhaseTransitionTime = ptr.To(api.Now(ctx))
	}
}

func volumeRow(obj api.Object, now time.Time) []any {
	pv := obj.(*corev1.PersistentVolume)
	bound := ""
	if ref := pv.Spec.ClaimRef; ref != nil {
		bound = ref.Namespace + "/" + ref.Name
	}
	size := pv.Spec.Capacity[corev1.ResourceStorage]
	return []any{
		pv.Name, size.String(), modes(pv.Spec.AccessModes), string(pv.Spec.PersistentVolumeReclaimPolicy),
		phase(pv, string(pv.Status.Phase)), bound, class(pv, pv.Spec.StorageClassName), orUnset(pv.Spec.VolumeAttributesClassName),
		pv.Status.Reason, api.Age(pv.CreationTimestamp, now), orUnset(pv.Spec.VolumeMode),
	}
}
