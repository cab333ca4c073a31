package podspec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/volumesource"
)

func (c *checker) validateMounts(container *corev1.Container, path *field.Path) (errs field.ErrorList) {
	paths := sets.New[string]()
	for i := range container.VolumeMounts {
		mount, at := &container.VolumeMounts[i], path.Index(i)
		if mount.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		if _, ok := c.volumes[mount.Name]; !ok {
			errs = append(errs, field.NotFound(at.Child("name"), mount.Name))
		}
		if mount.MountPath == "" {
			errs = append(errs, field.Required(at.Child("mountPath"), ""))
		}
		if paths.Has(mount.MountPath) {
			errs = append(errs, field.Invalid(at.Child("mountPath"), mount.MountPath, "must be unique"))
		}
		paths.Insert(mount.MountPath)
		for _, device := range container.VolumeDevices {
			if device.Name == mount.Name {
				errs = append(errs, field.Invalid(at.Child("name"), mount.Name, "must not already exist in volumeDevices"))
			}
			if device.DevicePath == mount.MountPath {
				errs = append(errs, field.Invalid(at.Child("mountPath"), mount.MountPath, "must not already exist as a path in volumeDevices"))
			}
		}
		errs = append(errs, validateSubPath(mount, at, path)...)
		errs = append(errs, validateMountMode(mount, container.SecurityContext, path)...)
	}
	return errs
}

// validateSubPath checks the part of a volume that is mounted. Its errors name
// the list and not the mount, as upstream's do.
func validateSubPath(mount *corev1.VolumeMount, at, list *field.Path) (errs field.ErrorList) {
	if mount.SubPath != "" {
		errs = append(errs, volumesource.Descending(mount.SubPath, list.Child("subPath"))...)
	}
	if mount.SubPathExpr != "" {
		if mount.SubPath != "" {
			errs = append(errs, field.Invalid(at.Child("subPathExpr"), mount.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
		}
		errs = append(errs, volumesource.Descending(mount.SubPathExpr, list.Child("subPathExpr"))...)
	}
	return errs
}

func validateMountMode(mount *corev1.VolumeMount, security *corev1.SecurityContext, path *field.Path) (errs field.ErrorList) {
	if p := mount.MountPropagation; p != nil {
		privileged := security != nil && security.Privileged != nil && *security.Privileged
		errs = append(errs, check.OneOf(*p, path.Child("mountPropagation"), corev1.MountPropagationBidirectional,
			corev1.MountPropagationHostToContainer, corev1.MountPropagationNone)...)
		if *p == corev1.MountPropagationBidirectional && !privileged {
			errs = append(errs, field.Forbidden(path.Child("mountPropagation"), "Bidirectional mount propagation is available only to privileged containers"))
		}
	}
	r := mount.RecursiveReadOnly
	if r == nil || *r == corev1.RecursiveReadOnlyDisabled {
		return errs
	}
	path = path.Child("recursiveReadOnly")
	if *r != corev1.RecursiveReadOnlyEnabled && *r != corev1.RecursiveReadOnlyIfPossible {
		return append(errs, check.OneOf(*r, path, corev1.RecursiveReadOnlyDisabled, corev1.RecursiveReadOnlyEnabled, corev1.RecursiveReadOnlyIfPossible)...)
	}
	if !mount.ReadOnly {
		errs = append(errs, field.Forbidden(path, "may only be specified when readOnly is true"))
	}
	if p := mount.MountPropagation; p != nil && *p != corev1.MountPropagationNone {
		errs = append(errs, field.Forbidden(path, "may only be specified when mountPropagation is None or not specified"))
	}
	return errs
}

func (c *checker) validateDevices(container *corev1.Container, path *field.Path) (errs field.ErrorList) {
	names, paths := sets.New[string](), sets.New[string]()
	for i, device := range container.VolumeDevices {
		path := path.Index(i)
		name, devicePath := path.Child("name"), path.Child("devicePath")
		if device.Name == "" {
			errs = append(errs, field.Required(name, ""))
		}
		if names.Has(device.Name) {
			errs = append(errs, field.Invalid(name, device.Name, "must be unique"))
		}
		names.Insert(device.Name)
		if volume, ok := c.volumes[device.Name]; !ok {
			errs = append(errs, field.NotFound(name, device.Name))
		} else if volume.PersistentVolumeClaim == nil && volume.Ephemeral == nil {
			errs = append(errs, field.Invalid(name, device.Name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
		}
		if device.DevicePath == "" {
			errs = append(errs, field.Required(devicePath, ""))
		}
		if paths.Has(device.DevicePath) {
			errs = append(errs, field.Invalid(devicePath, device.DevicePath, "must be unique"))
		}
		paths.Insert(device.DevicePath)
		if volumesource.HasBacksteps(device.DevicePath) {
			errs = append(errs, field.Invalid(devicePath, device.DevicePath, "can not contain backsteps ('..')"))
		}
		for _, mount := range container.VolumeMounts {
			if mount.Name == device.Name {
				errs = append(errs, field.Invalid(name, device.Name, "must not already exist in volumeMounts"))
			}
			if mount.MountPath == device.DevicePath {
				errs = append(errs, field.Invalid(devicePath, device.DevicePath, "must not already exist as a path in volumeMounts"))
			}
		}
	}
	return errs
}

// validateFilePath checks where in a volume a file goes. Names that begin with
// two dots are those of the writer that swaps all files at once.
func validateFilePath(p string, at *field.Path) field.ErrorList {
	if p == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := volumesource.Descending(p, at)
	// A path of just "..": told above already.
	if strings.HasPrefix(p, "..") && !strings.HasPrefix(p, "../") && p != ".." {
		errs = append(errs, field.Invalid(at, p, "must not start with '..'"))
	}
	return errs
}
