package volumesource

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// require checks that texts are there; names and values alternate.
func require(at *field.Path, pairs ...string) (errs field.ErrorList) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			errs = append(errs, field.Required(at.Child(pairs[i]), ""))
		}
	}
	return errs
}

// Descending checks a path that may not leave the folder it is in.
func Descending(p string, at *field.Path) (errs field.ErrorList) {
	if path.IsAbs(p) {
		errs = append(errs, field.Invalid(at, p, "must be a relative path"))
	}
	return append(errs, NoBacksteps(p, at)...)
}

// NoBacksteps checks that a path has no "..".
func NoBacksteps(p string, at *field.Path) field.ErrorList {
	if HasBacksteps(p) {
		return field.ErrorList{field.Invalid(at, p, "must not contain '..'")}
	}
	return nil
}

// HasBacksteps reports whether a path leads up anywhere.
func HasBacksteps(p string) bool {
	return slices.Contains(strings.Split(strings.ReplaceAll(p, "\\", "/"), "/"), "..")
}

var hostPathTypes = []corev1.HostPathType{corev1.HostPathUnset, corev1.HostPathBlockDev, corev1.HostPathCharDev,
	corev1.HostPathDirectory, corev1.HostPathDirectoryOrCreate, corev1.HostPathFile, corev1.HostPathFileOrCreate, corev1.HostPathSocket}

// HostPath checks a path of the node's own.
func HostPath(h *corev1.HostPathVolumeSource, at *field.Path) field.ErrorList {
	errs := require(at, "path", h.Path)
	if len(errs) > 0 {
		return errs
	}
	errs = NoBacksteps(h.Path, at.Child("path"))
	if h.Type != nil && !slices.Contains(hostPathTypes, *h.Type) {
		errs = append(errs, field.NotSupported(at.Child("type"), *h.Type, hostPathTypes))
	}
	return errs
}

// Local checks a disk or a folder of one node.
func Local(l *corev1.LocalVolumeSource, at *field.Path) field.ErrorList {
	if errs := require(at, "path", l.Path); len(errs) > 0 {
		return errs
	}
	return NoBacksteps(l.Path, at.Child("path"))
}

// NFS checks a folder of an NFS server.
func NFS(n *corev1.NFSVolumeSource, at *field.Path) field.ErrorList {
	errs := require(at, "server", n.Server, "path", n.Path)
	if !path.IsAbs(n.Path) {
		errs = append(errs, field.Invalid(at.Child("path"), n.Path, "must be an absolute path"))
	}
	return errs
}
