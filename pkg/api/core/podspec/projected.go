package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Volumes whose files come from objects of the API.

const badMode = "must be a number between 0 and 0777 (octal), both inclusive"

func validateMode(mode *int32, path *field.Path) field.ErrorList {
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		return field.ErrorList{field.Invalid(path, *mode, badMode)}
	}
	return nil
}

func validateSecretSource(s *corev1.SecretVolumeSource, path *field.Path) field.ErrorList {
	errs := requireText(path.Child("secretName"), s.SecretName)
	errs = append(errs, validateMode(s.DefaultMode, path.Child("defaultMode"))...)
	return append(errs, validateItems(s.Items, path.Child("items"))...)
}

func validateConfigMapSource(s *corev1.ConfigMapVolumeSource, path *field.Path) field.ErrorList {
	errs := requireText(path.Child("name"), s.Name)
	errs = append(errs, validateMode(s.DefaultMode, path.Child("defaultMode"))...)
	return append(errs, validateItems(s.Items, path.Child("items"))...)
}

func validateItems(items []corev1.KeyToPath, path *field.Path) (errs field.ErrorList) {
	for i := range items {
		errs = append(errs, validateItem(&items[i], path.Index(i))...)
	}
	return errs
}

func validateItem(item *corev1.KeyToPath, path *field.Path) field.ErrorList {
	errs := requireText(path.Child("key"), item.Key)
	errs = append(errs, validateFilePath(item.Path, path.Child("path"))...)
	return append(errs, validateMode(item.Mode, path.Child("mode"))...)
}

func validateDownward(s *corev1.DownwardAPIVolumeSource, path *field.Path) field.ErrorList {
	errs := validateMode(s.DefaultMode, path.Child("defaultMode"))
	return append(errs, validateDownwardFiles(s.Items, path)...)
}

func validateDownwardFiles(files []corev1.DownwardAPIVolumeFile, path *field.Path) (errs field.ErrorList) {
	for i := range files {
		file := &files[i]
		errs = append(errs, validateFilePath(file.Path, path.Child("path"))...)
		switch {
		case file.FieldRef != nil && file.ResourceFieldRef != nil:
			errs = append(errs, field.Invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
		case file.FieldRef != nil:
			errs = append(errs, validateFieldRef(file.FieldRef, volumeFields, path.Child("fieldRef"))...)
		case file.ResourceFieldRef != nil:
			errs = append(errs, validateResourceRef(file.ResourceFieldRef, true, path.Child("resourceFieldRef"))...)
		default:
			errs = append(errs, field.Required(path, "one of fieldRef and resourceFieldRef is required"))
		}
		errs = append(errs, validateMode(file.Mode, path.Child("mode"))...)
	}
	return errs
}
