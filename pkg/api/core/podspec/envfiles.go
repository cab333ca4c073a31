package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/containers"
	"slowmo/pkg/api/core/volumesource"
)

// validateFileKeyRef checks a variable that comes from a file in a volume.
//
// https://kep.k8s.io/3721
func validateFileKeyRef(ref *corev1.FileKeySelector, path *field.Path) field.ErrorList {
	errs := requireText(path.Child("key"), ref.Key)
	if ref.Key != "" {
		errs = append(errs, check.Text(ref.Key, path.Child("key"), validation.IsRelaxedEnvVarName)...)
	}
	errs = append(errs, requireText(path.Child("volumeName"), ref.VolumeName)...)
	if ref.VolumeName != "" {
		errs = append(errs, check.DNS1123Label(ref.VolumeName, path.Child("volumeName"))...)
	}
	errs = append(errs, requireText(path.Child("path"), ref.Path)...)
	return append(errs, volumesource.NoBacksteps(ref.Path, path.Child("path"))...)
}

// validateEnvFiles holds that files with variables are in volumes that the pod
// writes itself.
func validateEnvFiles(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	var volumes map[string]*corev1.VolumeSource
	for c, at := range containers.All(spec, path) {
		for i := range c.Env {
			from := c.Env[i].ValueFrom
			if from == nil || from.FileKeyRef == nil {
				continue
			}
			if volumes == nil {
				volumes = sourcesOf(spec)
			}
			name := from.FileKeyRef.VolumeName
			at := at.Child("env").Index(i).Child("valueFrom", "fileKeyRef", "volumeName")
			if source, ok := volumes[name]; !ok {
				errs = append(errs, field.NotFound(at, name))
			} else if source.EmptyDir == nil {
				errs = append(errs, field.Invalid(at, name, "referenced volume must be of type emptyDir"))
			}
		}
	}
	return errs
}

func sourcesOf(spec *corev1.PodSpec) map[string]*corev1.VolumeSource {
	sources := map[string]*corev1.VolumeSource{}
	for i := range spec.Volumes {
		sources[spec.Volumes[i].Name] = &spec.Volumes[i].VolumeSource
	}
	return sources
}
