package volume

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/volumesource"
)

// ValidateSource checks that the volume of that name has one source and that the source is right.
func ValidateSource(spec *corev1.PersistentVolumeSpec, name string, at *field.Path) field.ErrorList {
	s := &spec.PersistentVolumeSource
	sources := &volumesource.Exclusive{Path: at, Message: volumesource.Several}
	check := sources.Check
	check("hostPath", s.HostPath != nil, func(p *field.Path) field.ErrorList { return volumesource.HostPath(s.HostPath, p) })
	checkFiles(s, sources)
	check("iscsi", s.ISCSI != nil, func(p *field.Path) field.ErrorList { return volumesource.PersistentISCSI(s.ISCSI, name, p) })
	check("cinder", s.Cinder != nil, func(p *field.Path) field.ErrorList { return volumesource.PersistentCinder(s.Cinder, p) })
	check("fc", s.FC != nil, func(p *field.Path) field.ErrorList { return volumesource.FC(s.FC, p) })
	if s.FlexVolume != nil { // which may stand beside another, as upstream has it
		sources.Found++
		sources.Errs = append(sources.Errs, volumesource.Flex(s.FlexVolume.Driver, s.FlexVolume.Options, at.Child("flexVolume"))...)
	}
	checkVendors(s, sources)
	check("local", s.Local != nil, func(p *field.Path) field.ErrorList {
		errs := volumesource.Local(s.Local, p)
		if spec.NodeAffinity == nil {
			errs = append(errs, field.Required(at.Child("nodeAffinity"), "Local volume requires node affinity"))
		}
		return errs
	})
	check("storageos", s.StorageOS != nil, func(p *field.Path) field.ErrorList {
		secret := s.StorageOS.SecretRef
		if secret == nil {
			return volumesource.StorageOS(s.StorageOS.VolumeName, s.StorageOS.VolumeNamespace, p)
		}
		return volumesource.StorageOS(s.StorageOS.VolumeName, s.StorageOS.VolumeNamespace, p, "name", secret.Name, "namespace", secret.Namespace)
	})
	check("csi", s.CSI != nil, func(p *field.Path) field.ErrorList { return volumesource.CSI(s.CSI, p) })
	if sources.Found == 0 {
		return field.ErrorList{field.Required(at, "must specify a volume type")}
	}
	return sources.Errs
}

// checkFiles looks at disks of clouds and at file systems on the network.
func checkFiles(s *corev1.PersistentVolumeSource, sources *volumesource.Exclusive) {
	check := sources.Check
	sources.CheckAt("gcePersistentDisk", "persistentDisk", s.GCEPersistentDisk != nil, func(p *field.Path) field.ErrorList {
		return volumesource.GCEPersistentDisk(s.GCEPersistentDisk, p)
	})
	check("awsElasticBlockStore", s.AWSElasticBlockStore != nil, func(p *field.Path) field.ErrorList {
		return volumesource.AWSElasticBlockStore(s.AWSElasticBlockStore, p)
	})
	check("glusterfs", s.Glusterfs != nil, func(p *field.Path) field.ErrorList { return volumesource.PersistentGlusterfs(s.Glusterfs, p) })
	check("flocker", s.Flocker != nil, func(p *field.Path) field.ErrorList { return volumesource.Flocker(s.Flocker, p) })
	check("nfs", s.NFS != nil, func(p *field.Path) field.ErrorList { return volumesource.NFS(s.NFS, p) })
	check("rbd", s.RBD != nil, func(p *field.Path) field.ErrorList { return volumesource.RBD(s.RBD.CephMonitors, s.RBD.RBDImage, p) })
	check("quobyte", s.Quobyte != nil, func(p *field.Path) field.ErrorList { return volumesource.Quobyte(s.Quobyte, p) })
	sources.CheckAt("cephFS", "cephfs", s.CephFS != nil, func(p *field.Path) field.ErrorList {
		return volumesource.CephFS(s.CephFS.Monitors, p)
	})
}

// checkVendors looks at the sources of storage vendors.
func checkVendors(s *corev1.PersistentVolumeSource, sources *volumesource.Exclusive) {
	check := sources.Check
	check("azureFile", s.AzureFile != nil, func(p *field.Path) field.ErrorList { return volumesource.PersistentAzureFile(s.AzureFile, p) })
	check("vsphereVolume", s.VsphereVolume != nil, func(p *field.Path) field.ErrorList {
		return volumesource.VsphereVolume(s.VsphereVolume, p)
	})
	check("photonPersistentDisk", s.PhotonPersistentDisk != nil, func(p *field.Path) field.ErrorList {
		return volumesource.PhotonPersistentDisk(s.PhotonPersistentDisk, p)
	})
	check("portworxVolume", s.PortworxVolume != nil, func(p *field.Path) field.ErrorList {
		return volumesource.Portworx(s.PortworxVolume, p)
	})
	check("azureDisk", s.AzureDisk != nil, func(p *field.Path) field.ErrorList { return volumesource.AzureDisk(s.AzureDisk, p) })
	check("scaleIO", s.ScaleIO != nil, func(p *field.Path) field.ErrorList {
		return volumesource.ScaleIO(s.ScaleIO.Gateway, s.ScaleIO.System, s.ScaleIO.VolumeName, p)
	})
}

// validateBasic checks an amount of any resource.
func validateBasic(quantity resource.Quantity, at *field.Path) field.ErrorList {
	if quantity.Sign() >= 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(at, quantity.Value(), "must be a valid resource quantity")}
}
