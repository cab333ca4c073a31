package poddefaults

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api/core/claim"
)

func defaultVolume(v *corev1.Volume) {
	if reflect.ValueOf(v.VolumeSource).IsZero() {
		v.EmptyDir = &corev1.EmptyDirVolumeSource{}
	}
	switch {
	case v.HostPath != nil:
		setPointer(&v.HostPath.Type, corev1.HostPathUnset)
	case v.Secret != nil:
		setPointer(&v.Secret.DefaultMode, corev1.SecretVolumeSourceDefaultMode)
	case v.ConfigMap != nil:
		setPointer(&v.ConfigMap.DefaultMode, corev1.ConfigMapVolumeSourceDefaultMode)
	case v.DownwardAPI != nil:
		setPointer(&v.DownwardAPI.DefaultMode, corev1.DownwardAPIVolumeSourceDefaultMode)
		defaultDownwardFiles(v.DownwardAPI.Items)
	case v.Projected != nil:
		defaultProjected(v.Projected)
	case v.Image != nil:
		setDefault(&v.Image.PullPolicy, pullPolicy(v.Image.Reference))
	case v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil:
		claim.DefaultSpec(&v.Ephemeral.VolumeClaimTemplate.Spec)
	default:
		defaultNetworkVolume(v)
	}
}

func defaultProjected(p *corev1.ProjectedVolumeSource) {
	setPointer(&p.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode)
	for i := range p.Sources {
		if d := p.Sources[i].DownwardAPI; d != nil {
			defaultDownwardFiles(d.Items)
		}
		if t := p.Sources[i].ServiceAccountToken; t != nil {
			setPointer(&t.ExpirationSeconds, int64(3600))
		}
	}
}

func defaultDownwardFiles(files []corev1.DownwardAPIVolumeFile) {
	for i := range files {
		defaultFieldRef(files[i].FieldRef)
	}
}

// What the sources of storage elsewhere say if a client does not.
const (
	ISCSIInterface = "default"
	RBDPool        = "rbd"
	RBDUser        = "admin"
	RBDKeyring     = "/etc/ceph/keyring"
	ScaleIOMode    = "ThinProvisioned"
	ScaleIOFSType  = "xfs"
)

// defaultNetworkVolume fills the sources that name storage elsewhere.
func defaultNetworkVolume(v *corev1.Volume) {
	switch {
	case v.ISCSI != nil:
		setDefault(&v.ISCSI.ISCSIInterface, ISCSIInterface)
	case v.RBD != nil:
		setDefault(&v.RBD.RBDPool, RBDPool)
		setDefault(&v.RBD.RadosUser, RBDUser)
		setDefault(&v.RBD.Keyring, RBDKeyring)
	case v.AzureDisk != nil:
		AzureDisk(v.AzureDisk)
	case v.ScaleIO != nil:
		setDefault(&v.ScaleIO.StorageMode, ScaleIOMode)
		setDefault(&v.ScaleIO.FSType, ScaleIOFSType)
	}
}

// AzureDisk fills what a client left open of a disk of Microsoft's cloud.
func AzureDisk(d *corev1.AzureDiskVolumeSource) {
	setPointer(&d.CachingMode, corev1.AzureDataDiskCachingReadWrite)
	setPointer(&d.FSType, "ext4")
	setPointer(&d.ReadOnly, false)
	setPointer(&d.Kind, corev1.AzureSharedBlobDisk)
}
