package volumesource

import (
	"maps"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func partition(number int32, at *field.Path) field.ErrorList {
	if number >= 0 && number <= 255 {
		return nil
	}
	return field.ErrorList{field.Invalid(at.Child("partition"), number, validation.InclusiveRangeError(1, 255))}
}

// GCEPersistentDisk checks a disk of Google's cloud.
func GCEPersistentDisk(d *corev1.GCEPersistentDiskVolumeSource, at *field.Path) field.ErrorList {
	return append(require(at, "pdName", d.PDName), partition(d.Partition, at)...)
}

// AWSElasticBlockStore checks a disk of Amazon's cloud.
func AWSElasticBlockStore(d *corev1.AWSElasticBlockStoreVolumeSource, at *field.Path) field.ErrorList {
	return append(require(at, "volumeID", d.VolumeID), partition(d.Partition, at)...)
}

// Glusterfs checks a volume of a Gluster cluster.
func Glusterfs(endpoints, folder string, at *field.Path) field.ErrorList {
	return require(at, "endpoints", endpoints, "path", folder)
}

// PersistentGlusterfs is Glusterfs, with a namespace for the endpoints.
func PersistentGlusterfs(g *corev1.GlusterfsPersistentVolumeSource, at *field.Path) field.ErrorList {
	errs := Glusterfs(g.EndpointsName, g.Path, at)
	namespace := g.EndpointsNamespace
	if namespace == nil {
		return errs
	}
	if at = at.Child("endpointsNamespace"); *namespace == "" {
		return append(errs, field.Invalid(at, *namespace, "if the endpointnamespace is set, it must be a valid namespace name"))
	}
	for _, msg := range apivalidation.ValidateNamespaceName(*namespace, false) {
		errs = append(errs, field.Invalid(at, *namespace, msg))
	}
	return errs
}

// RBD checks a disk of a Ceph cluster.
func RBD(monitors []string, image string, at *field.Path) field.ErrorList {
	return append(CephFS(monitors, at), require(at, "image", image)...)
}

// CephFS checks a file system of a Ceph cluster.
func CephFS(monitors []string, at *field.Path) field.ErrorList {
	if len(monitors) == 0 {
		return field.ErrorList{field.Required(at.Child("monitors"), "")}
	}
	return nil
}

// Cinder checks a disk of OpenStack.
func Cinder(c *corev1.CinderVolumeSource, at *field.Path) field.ErrorList {
	errs := require(at, "volumeID", c.VolumeID)
	if c.SecretRef != nil {
		errs = append(errs, require(at.Child("secretRef"), "name", c.SecretRef.Name)...)
	}
	return errs
}

// PersistentCinder is Cinder, with a namespace for the secret.
func PersistentCinder(c *corev1.CinderPersistentVolumeSource, at *field.Path) field.ErrorList {
	errs := require(at, "volumeID", c.VolumeID)
	if c.SecretRef != nil {
		errs = append(errs, require(at.Child("secretRef"), "name", c.SecretRef.Name, "namespace", c.SecretRef.Namespace)...)
	}
	return errs
}

// Flocker checks a dataset of Flocker.
func Flocker(f *corev1.FlockerVolumeSource, at *field.Path) (errs field.ErrorList) {
	switch {
	case f.DatasetName == "" && f.DatasetUUID == "":
		errs = append(errs, field.Required(at, "one of datasetName and datasetUUID is required"))
	case f.DatasetName != "" && f.DatasetUUID != "":
		errs = append(errs, field.Invalid(at, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
	}
	if strings.Contains(f.DatasetName, "/") {
		errs = append(errs, field.Invalid(at.Child("datasetName"), f.DatasetName, "must not contain '/'"))
	}
	return errs
}

// Quobyte checks a volume of a Quobyte cluster.
func Quobyte(q *corev1.QuobyteVolumeSource, at *field.Path) (errs field.ErrorList) {
	const pairs = "must be a host:port pair or multiple pairs separated by commas"
	switch {
	case q.Registry == "":
		errs = append(errs, field.Required(at.Child("registry"), pairs))
	case len(q.Tenant) > 64:
		errs = append(errs, field.Required(at.Child("tenant"), "must be a UUID and may not exceed a length of 64 characters"))
	default:
		for _, pair := range strings.Split(q.Registry, ",") {
			if _, _, err := net.SplitHostPort(pair); err != nil {
				errs = append(errs, field.Invalid(at.Child("registry"), q.Registry, pairs))
			}
		}
	}
	return append(errs, require(at, "volume", q.Volume)...)
}

// Flex checks a volume of a driver that is a program on the node.
func Flex(driver string, options map[string]string, at *field.Path) field.ErrorList {
	errs := require(at, "driver", driver)
	for _, key := range slices.Sorted(maps.Keys(options)) {
		domain, _, _ := strings.Cut(key, "/")
		if domain = "." + strings.ToLower(domain); strings.HasSuffix(domain, ".kubernetes.io") || strings.HasSuffix(domain, ".k8s.io") {
			errs = append(errs, field.Invalid(at.Child("options").Key(key), key, "kubernetes.io and k8s.io namespaces are reserved"))
		}
	}
	return errs
}

// AzureFile checks a share of Microsoft's cloud.
func AzureFile(secret, share string, at *field.Path) field.ErrorList {
	return require(at, "secretName", secret, "shareName", share)
}

// PersistentAzureFile is AzureFile, with a namespace for the secret.
func PersistentAzureFile(f *corev1.AzureFilePersistentVolumeSource, at *field.Path) field.ErrorList {
	errs := AzureFile(f.SecretName, f.ShareName, at)
	if f.SecretNamespace != nil {
		errs = append(errs, require(at, "secretNamespace", *f.SecretNamespace)...)
	}
	return errs
}

// AzureDisk checks a disk of Microsoft's cloud.
func AzureDisk(d *corev1.AzureDiskVolumeSource, at *field.Path) field.ErrorList {
	caching := []corev1.AzureDataDiskCachingMode{corev1.AzureDataDiskCachingNone, corev1.AzureDataDiskCachingReadOnly, corev1.AzureDataDiskCachingReadWrite}
	kinds := []corev1.AzureDataDiskKind{corev1.AzureDedicatedBlobDisk, corev1.AzureManagedDisk, corev1.AzureSharedBlobDisk}
	errs := require(at, "diskName", d.DiskName, "diskURI", d.DataDiskURI)
	if d.CachingMode != nil && !slices.Contains(caching, *d.CachingMode) {
		errs = append(errs, field.NotSupported(at.Child("cachingMode"), *d.CachingMode, caching))
	}
	if d.Kind == nil {
		return errs
	}
	if !slices.Contains(kinds, *d.Kind) {
		errs = append(errs, field.NotSupported(at.Child("kind"), *d.Kind, kinds))
	}
	managed := *d.Kind == corev1.AzureManagedDisk
	switch {
	case managed && !strings.HasPrefix(d.DataDiskURI, "/subscriptions/"):
		errs = append(errs, field.NotSupported(at.Child("diskURI"), d.DataDiskURI,
			[]string{"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"}))
	case !managed && !strings.HasPrefix(d.DataDiskURI, "https://"):
		errs = append(errs, field.NotSupported(at.Child("diskURI"), d.DataDiskURI,
			[]string{"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"}))
	}
	return errs
}

// VsphereVolume checks a disk of vSphere.
func VsphereVolume(v *corev1.VsphereVirtualDiskVolumeSource, at *field.Path) field.ErrorList {
	return require(at, "volumePath", v.VolumePath)
}

// PhotonPersistentDisk checks a disk of Photon.
func PhotonPersistentDisk(d *corev1.PhotonPersistentDiskVolumeSource, at *field.Path) field.ErrorList {
	return require(at, "pdID", d.PdID)
}

// Portworx checks a volume of Portworx.
func Portworx(v *corev1.PortworxVolumeSource, at *field.Path) field.ErrorList {
	return require(at, "volumeID", v.VolumeID)
}

// ScaleIO checks a volume of ScaleIO.
func ScaleIO(gateway, system, volume string, at *field.Path) field.ErrorList {
	return require(at, "gateway", gateway, "system", system, "volumeName", volume)
}

// StorageOS checks a volume of StorageOS. secret are the names and values of the
// secret's reference that must be there.
func StorageOS(volume, namespace string, at *field.Path, secret ...string) field.ErrorList {
	errs := require(at, "volumeName", volume)
	label := func(name, value string) {
		if value == "" {
			return
		}
		for _, msg := range validation.IsDNS1123Label(value) {
			errs = append(errs, field.Invalid(at.Child(name), value, msg))
		}
	}
	label("volumeName", volume)
	label("volumeNamespace", namespace)
	return append(errs, require(at.Child("secretRef"), secret...)...)
}
