package volume

import (
	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/resources"
)

func defaultVolume(obj api.Object) {
	pv := obj.(*corev1.PersistentVolume)
	setDefault(&pv.Status.Phase, corev1.VolumePending)
	setDefault(&pv.Spec.PersistentVolumeReclaimPolicy, corev1.PersistentVolumeReclaimRetain)
	setPointer(&pv.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	resources.Round(pv.Spec.Capacity)
	defaultSource(&pv.Spec.PersistentVolumeSource)
}

func defaultSource(s *corev1.PersistentVolumeSource) {
	switch {
	case s.HostPath != nil:
		setPointer(&s.HostPath.Type, corev1.HostPathUnset)
	case s.ISCSI != nil:
		setDefault(&s.ISCSI.ISCSIInterface, poddefaults.ISCSIInterface)
	case s.RBD != nil:
		setDefault(&s.RBD.RBDPool, poddefaults.RBDPool)
		setDefault(&s.RBD.RadosUser, poddefaults.RBDUser)
		setDefault(&s.RBD.Keyring, poddefaults.RBDKeyring)
	case s.AzureDisk != nil:
		poddefaults.AzureDisk(s.AzureDisk)
	case s.ScaleIO != nil:
		setDefault(&s.ScaleIO.StorageMode, poddefaults.ScaleIOMode)
		setDefault(&s.ScaleIO.FSType, poddefaults.ScaleIOFSType)
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func setPointer[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
