package podspec

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateVolumes checks the volumes and fills c.volumes with those that are
// right, for the mounts to refer to.
//
// https://kubernetes.io/docs/concepts/storage/volumes/
func (c *checker) validateVolumes(path *field.Path) (errs field.ErrorList) {
	c.volumes = map[string]*corev1.VolumeSource{}
	for i := range c.spec.Volumes {
		v, path := &c.spec.Volumes[i], path.Index(i)
		found := c.validateSource(&v.VolumeSource, path)
		if v.Name == "" {
			found = append(found, field.Required(path.Child("name"), ""))
		} else {
			found = append(found, ValidateDNS1123Label(v.Name, path.Child("name"))...)
		}
		if _, ok := c.volumes[v.Name]; ok {
			found = append(found, field.Duplicate(path.Child("name"), v.Name))
		}
		if len(found) == 0 {
			c.volumes[v.Name] = &v.VolumeSource
		}
		errs = append(errs, found...)
	}
	return errs
}

// validateSource checks that a volume has one source and that the source is right.
func (c *checker) validateSource(s *corev1.VolumeSource, path *field.Path) field.ErrorList {
	sources := &exclusive{path: path, message: severalVolumes}
	check := sources.check
	check("emptyDir", s.EmptyDir != nil, func(p *field.Path) field.ErrorList { return validateEmptyDir(s.EmptyDir, p) })
	check("hostPath", s.HostPath != nil, func(p *field.Path) field.ErrorList { return validateHostPath(s.HostPath, p) })
	check("gitRepo", s.GitRepo != nil, func(p *field.Path) field.ErrorList { return validateGitRepo(s.GitRepo, p) })
	check("secret", s.Secret != nil, func(p *field.Path) field.ErrorList { return validateSecretSource(s.Secret, p) })
	check("nfs", s.NFS != nil, func(p *field.Path) field.ErrorList { return validateNFS(s.NFS, p) })
	check("iscsi", s.ISCSI != nil, func(p *field.Path) field.ErrorList { return validateISCSI(s.ISCSI, p) })
	check("persistentVolumeClaim", s.PersistentVolumeClaim != nil, func(p *field.Path) field.ErrorList {
		return requireText(p.Child("claimName"), s.PersistentVolumeClaim.ClaimName)
	})
	check("configMap", s.ConfigMap != nil, func(p *field.Path) field.ErrorList { return validateConfigMapSource(s.ConfigMap, p) })
	check("downwardAPI", s.DownwardAPI != nil, func(p *field.Path) field.ErrorList { return validateDownward(s.DownwardAPI, p) })
	check("fc", s.FC != nil, func(p *field.Path) field.ErrorList { return validateFC(s.FC, p) })
	check("projected", s.Projected != nil, func(p *field.Path) field.ErrorList { return c.validateProjected(s.Projected, p) })
	check("csi", s.CSI != nil, func(p *field.Path) field.ErrorList { return requireText(p.Child("driver"), s.CSI.Driver) })
	check("ephemeral", s.Ephemeral != nil, func(p *field.Path) field.ErrorList {
		if s.Ephemeral.VolumeClaimTemplate == nil {
			return field.ErrorList{field.Required(p.Child("volumeClaimTemplate"), "")}
		}
		return nil
	})
	check("image", s.Image != nil, func(p *field.Path) field.ErrorList { return c.validateImage(s.Image, p) })
	for _, old := range vendorSources(s) {
		check(old.name, true, func(p *field.Path) field.ErrorList {
			return requireText(p.Child(old.field), old.value)
		})
	}
	if sources.found == 0 {
		return field.ErrorList{field.Required(path, "must specify a volume type")}
	}
	return sources.errs
}

// vendorSource is a source of one vendor's storage with the field that it cannot do without.
type vendorSource struct{ name, field, value string }

func vendorSources(s *corev1.VolumeSource) (set []vendorSource) {
	if v := s.GCEPersistentDisk; v != nil {
		set = append(set, vendorSource{"gcePersistentDisk", "pdName", v.PDName})
	}
	if v := s.AWSElasticBlockStore; v != nil {
		set = append(set, vendorSource{"awsElasticBlockStore", "volumeID", v.VolumeID})
	}
	if v := s.Glusterfs; v != nil {
		set = append(set, vendorSource{"glusterfs", "endpoints", v.EndpointsName})
	}
	if v := s.RBD; v != nil {
		set = append(set, vendorSource{"rbd", "image", v.RBDImage})
	}
	if v := s.FlexVolume; v != nil {
		set = append(set, vendorSource{"flexVolume", "driver", v.Driver})
	}
	if v := s.Cinder; v != nil {
		set = append(set, vendorSource{"cinder", "volumeID", v.VolumeID})
	}
	if v := s.AzureFile; v != nil {
		set = append(set, vendorSource{"azureFile", "secretName", v.SecretName})
	}
	if v := s.AzureDisk; v != nil {
		set = append(set, vendorSource{"azureDisk", "diskName", v.DiskName})
	}
	if v := s.VsphereVolume; v != nil {
		set = append(set, vendorSource{"vsphereVolume", "volumePath", v.VolumePath})
	}
	if v := s.Quobyte; v != nil {
		set = append(set, vendorSource{"quobyte", "registry", v.Registry})
	}
	if v := s.PhotonPersistentDisk; v != nil {
		set = append(set, vendorSource{"photonPersistentDisk", "pdID", v.PdID})
	}
	if v := s.PortworxVolume; v != nil {
		set = append(set, vendorSource{"portworxVolume", "volumeID", v.VolumeID})
	}
	if v := s.ScaleIO; v != nil {
		set = append(set, vendorSource{"scaleIO", "gateway", v.Gateway})
	}
	return set
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

func validateHostPath(h *corev1.HostPathVolumeSource, path *field.Path) (errs field.ErrorList) {
	if errs = requireText(path.Child("path"), h.Path); len(errs) > 0 {
		return errs
	}
	errs = validateNoBacksteps(h.Path, path.Child("path"))
	if h.Type == nil {
		return errs
	}
	return append(errs, OneOf(*h.Type, path.Child("type"), corev1.HostPathUnset, corev1.HostPathBlockDev, corev1.HostPathCharDev,
		corev1.HostPathDirectory, corev1.HostPathDirectoryOrCreate, corev1.HostPathFile, corev1.HostPathFileOrCreate, corev1.HostPathSocket)...)
}

func validateGitRepo(g *corev1.GitRepoVolumeSource, path *field.Path) field.ErrorList {
	errs := requireText(path.Child("repository"), g.Repository)
	return append(errs, validateDescending(g.Directory, path.Child("directory"))...)
}

func validateNFS(n *corev1.NFSVolumeSource, at *field.Path) field.ErrorList {
	errs := requireText(at.Child("server"), n.Server)
	errs = append(errs, requireText(at.Child("path"), n.Path)...)
	if !path.IsAbs(n.Path) {
		errs = append(errs, field.Invalid(at.Child("path"), n.Path, "must be an absolute path"))
	}
	return errs
}

func validateISCSI(s *corev1.ISCSIVolumeSource, path *field.Path) field.ErrorList {
	errs := requireText(path.Child("targetPortal"), s.TargetPortal)
	errs = append(errs, requireText(path.Child("iqn"), s.IQN)...)
	if s.Lun < 0 || s.Lun > 255 {
		errs = append(errs, field.Invalid(path.Child("lun"), s.Lun, "must be between 0 and 255, inclusive"))
	}
	return errs
}

func validateFC(fc *corev1.FCVolumeSource, path *field.Path) (errs field.ErrorList) {
	switch {
	case len(fc.TargetWWNs) == 0 && len(fc.WWIDs) == 0:
		errs = append(errs, field.Required(path.Child("targetWWNs"), "must specify either targetWWNs or wwids, but not both"))
	case len(fc.TargetWWNs) > 0 && len(fc.WWIDs) > 0:
		errs = append(errs, field.Invalid(path.Child("targetWWNs"), fc.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously"))
	case len(fc.TargetWWNs) > 0 && fc.Lun == nil:
		errs = append(errs, field.Required(path.Child("lun"), "lun is required if targetWWNs is specified"))
	}
	return errs
}

func (c *checker) validateImage(image *corev1.ImageVolumeSource, path *field.Path) (errs field.ErrorList) {
	if c.isPod {
		errs = requireText(path.Child("reference"), image.Reference)
	}
	return append(errs, required(image.PullPolicy, path.Child("pullPolicy"), corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
}
