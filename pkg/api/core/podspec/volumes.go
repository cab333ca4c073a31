package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/claim"
	"slowmo/pkg/api/core/volumesource"
)

// validateVolumes checks the volumes and fills c.volumes with those that are
// right, for the mounts to refer to.
//
// https://kubernetes.io/docs/concepts/storage/volumes/
func (c *checker) validateVolumes(path *field.Path) (errs field.ErrorList) {
	c.volumes = map[string]*corev1.VolumeSource{}
	made := c.claimsMade()
	for i := range c.spec.Volumes {
		v, path := &c.spec.Volumes[i], path.Index(i)
		found := c.validateSource(v, path)
		if v.Name == "" {
			found = append(found, field.Required(path.Child("name"), ""))
		} else {
			found = append(found, check.DNS1123Label(v.Name, path.Child("name"))...)
		}
		if _, ok := c.volumes[v.Name]; ok {
			found = append(found, field.Duplicate(path.Child("name"), v.Name))
		}
		if len(found) == 0 {
			c.volumes[v.Name] = &v.VolumeSource
		}
		errs = append(errs, found...)
		if claim := v.PersistentVolumeClaim; claim != nil && made.Has(claim.ClaimName) {
			errs = append(errs, field.Invalid(path.Child("persistentVolumeClaim", "claimName"), claim.ClaimName,
				"must not reference a PVC that gets created for an ephemeral volume"))
		}
	}
	return errs
}

// claimsMade returns the names of the claims that are made with the pod, one for
// each ephemeral volume. Those of a template's pods are not known yet.
func (c *checker) claimsMade() sets.Set[string] {
	made := sets.New[string]()
	if c.meta == nil || c.meta.Name == "" {
		return made
	}
	for _, v := range c.spec.Volumes {
		if v.Ephemeral != nil {
			made.Insert(c.meta.Name + "-" + v.Name)
		}
	}
	return made
}

// validateEphemeralVolume checks the claim that is made for the volume at path.
func (c *checker) validateEphemeralVolume(v *corev1.Volume, path, within *field.Path) (errs field.ErrorList) {
	if template := v.Ephemeral.VolumeClaimTemplate; template == nil {
		errs = append(errs, field.Required(within.Child("volumeClaimTemplate"), ""))
	} else {
		errs = append(errs, claim.ValidateTemplate(template, within.Child("volumeClaimTemplate"))...)
	}
	if c.meta == nil || c.meta.Name == "" || v.Name == "" {
		return errs
	}
	name := c.meta.Name + "-" + v.Name
	for _, problem := range apivalidation.NameIsDNSSubdomain(name, false) {
		errs = append(errs, field.Invalid(path.Child("name"), v.Name, fmt.Sprintf("PVC name %q: %v", name, problem)))
	}
	return errs
}

// validateSource checks that a volume has one source and that the source is right.
func (c *checker) validateSource(v *corev1.Volume, path *field.Path) field.ErrorList {
	s := &v.VolumeSource
	sources := &volumesource.Exclusive{Path: path, Message: volumesource.Several}
	check := sources.Check
	check("emptyDir", s.EmptyDir != nil, func(p *field.Path) field.ErrorList { return validateEmptyDir(s.EmptyDir, p) })
	check("hostPath", s.HostPath != nil, func(p *field.Path) field.ErrorList { return volumesource.HostPath(s.HostPath, p) })
	check("gitRepo", s.GitRepo != nil, func(p *field.Path) field.ErrorList { return validateGitRepo(s.GitRepo, p) })
	check("secret", s.Secret != nil, func(p *field.Path) field.ErrorList { return validateSecretSource(s.Secret, p) })
	check("nfs", s.NFS != nil, func(p *field.Path) field.ErrorList { return volumesource.NFS(s.NFS, p) })
	check("iscsi", s.ISCSI != nil, func(p *field.Path) field.ErrorList { return validateISCSI(v, path, p) })
	check("persistentVolumeClaim", s.PersistentVolumeClaim != nil, func(p *field.Path) field.ErrorList {
		return requireText(p.Child("claimName"), s.PersistentVolumeClaim.ClaimName)
	})
	check("configMap", s.ConfigMap != nil, func(p *field.Path) field.ErrorList { return validateConfigMapSource(s.ConfigMap, p) })
	check("downwardAPI", s.DownwardAPI != nil, func(p *field.Path) field.ErrorList { return validateDownward(s.DownwardAPI, p) })
	check("fc", s.FC != nil, func(p *field.Path) field.ErrorList { return volumesource.FC(s.FC, p) })
	check("projected", s.Projected != nil, func(p *field.Path) field.ErrorList { return validateProjected(s.Projected, p) })
	checkVendors(s, sources)
	check("csi", s.CSI != nil, func(p *field.Path) field.ErrorList { return validateCSI(s.CSI, p) })
	check("ephemeral", s.Ephemeral != nil, func(p *field.Path) field.ErrorList { return c.validateEphemeralVolume(v, path, p) })
	check("image", s.Image != nil, func(p *field.Path) field.ErrorList { return validateImageVolume(s.Image, p) })
	if sources.Found == 0 {
		return field.ErrorList{field.Required(path, "must specify a volume type")}
	}
	return sources.Errs
}

// checkVendors looks at the sources of storage vendors.
func checkVendors(s *corev1.VolumeSource, sources *volumesource.Exclusive) {
	check := sources.Check
	sources.CheckAt("gcePersistentDisk", "persistentDisk", s.GCEPersistentDisk != nil, func(p *field.Path) field.ErrorList {
		return volumesource.GCEPersistentDisk(s.GCEPersistentDisk, p)
	})
	check("awsElasticBlockStore", s.AWSElasticBlockStore != nil, func(p *field.Path) field.ErrorList {
		return volumesource.AWSElasticBlockStore(s.AWSElasticBlockStore, p)
	})
	check("glusterfs", s.Glusterfs != nil, func(p *field.Path) field.ErrorList {
		return volumesource.Glusterfs(s.Glusterfs.EndpointsName, s.Glusterfs.Path, p)
	})
	check("rbd", s.RBD != nil, func(p *field.Path) field.ErrorList { return volumesource.RBD(s.RBD.CephMonitors, s.RBD.RBDImage, p) })
	sources.CheckAt("cephFS", "cephfs", s.CephFS != nil, func(p *field.Path) field.ErrorList {
		return volumesource.CephFS(s.CephFS.Monitors, p)
	})
	check("cinder", s.Cinder != nil, func(p *field.Path) field.ErrorList { return volumesource.Cinder(s.Cinder, p) })
	check("flocker", s.Flocker != nil, func(p *field.Path) field.ErrorList { return volumesource.Flocker(s.Flocker, p) })
	check("flexVolume", s.FlexVolume != nil, func(p *field.Path) field.ErrorList {
		return volumesource.Flex(s.FlexVolume.Driver, s.FlexVolume.Options, p)
	})
	check("azureFile", s.AzureFile != nil, func(p *field.Path) field.ErrorList {
		return volumesource.AzureFile(s.AzureFile.SecretName, s.AzureFile.ShareName, p)
	})
	check("azureDisk", s.AzureDisk != nil, func(p *field.Path) field.ErrorList { return volumesource.AzureDisk(s.AzureDisk, p) })
	check("vsphereVolume", s.VsphereVolume != nil, func(p *field.Path) field.ErrorList {
		return volumesource.VsphereVolume(s.VsphereVolume, p)
	})
	check("quobyte", s.Quobyte != nil, func(p *field.Path) field.ErrorList { return volumesource.Quobyte(s.Quobyte, p) })
	check("photonPersistentDisk", s.PhotonPersistentDisk != nil, func(p *field.Path) field.ErrorList {
		return volumesource.PhotonPersistentDisk(s.PhotonPersistentDisk, p)
	})
	check("portworxVolume", s.PortworxVolume != nil, func(p *field.Path) field.ErrorList {
		return volumesource.Portworx(s.PortworxVolume, p)
	})
	check("storageos", s.StorageOS != nil, func(p *field.Path) field.ErrorList {
		if s.StorageOS.SecretRef == nil {
			return volumesource.StorageOS(s.StorageOS.VolumeName, s.StorageOS.VolumeNamespace, p)
		}
		return volumesource.StorageOS(s.StorageOS.VolumeName, s.StorageOS.VolumeNamespace, p, "name", s.StorageOS.SecretRef.Name)
	})
	check("scaleIO", s.ScaleIO != nil, func(p *field.Path) field.ErrorList {
		return volumesource.ScaleIO(s.ScaleIO.Gateway, s.ScaleIO.System, s.ScaleIO.VolumeName, p)
	})
}

// validateISCSI checks a disk of the network, of which the volume at path is made.
func validateISCSI(v *corev1.Volume, path, within *field.Path) field.ErrorList {
	errs := volumesource.ISCSI(v.ISCSI, within)
	if v.ISCSI.InitiatorName != nil && len(v.Name+":"+v.ISCSI.TargetPortal) > 64 {
		errs = append(errs, field.Invalid(path.Child("name"), v.Name, volumesource.TooLongForISCSI))
	}
	return errs
}

func validateCSI(csi *corev1.CSIVolumeSource, path *field.Path) field.ErrorList {
	errs := volumesource.CSIDriver(csi.Driver, path.Child("driver"))
	switch ref := csi.NodePublishSecretRef; {
	case ref == nil:
	case ref.Name == "":
		errs = append(errs, field.Required(path.Child("nodePublishSecretRef", "name"), ""))
	default:
		errs = append(errs, check.DNS1123Subdomain(ref.Name, path.Child("name"))...)
	}
	return errs
}

func requireText(path *field.Path, value string) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return nil
}

func validateEmptyDir(e *corev1.EmptyDirVolumeSource, path *field.Path) field.ErrorList {
	if e.SizeLimit != nil && e.SizeLimit.Cmp(resource.Quantity{}) < 0 {
		return field.ErrorList{field.Forbidden(path.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity")}
	}
	return nil
}

func validateGitRepo(g *corev1.GitRepoVolumeSource, path *field.Path) field.ErrorList {
	errs := requireText(path.Child("repository"), g.Repository)
	return append(errs, volumesource.Descending(g.Directory, path.Child("directory"))...)
}

func validateImageVolume(image *corev1.ImageVolumeSource, path *field.Path) field.ErrorList {
	errs := requireText(path.Child("reference"), image.Reference)
	return append(errs, check.Required(image.PullPolicy, path.Child("pullPolicy"), corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
}
