package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

const (
	severalSources = "may not have more than one field specified at a time"
	valueAndSource = "may not be specified when `value` is not empty"
	noSource       = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
)

func validateEnv(vars []corev1.EnvVar, path *field.Path) (errs field.ErrorList) {
	for i := range vars {
		v, path := &vars[i], path.Index(i)
		if v.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), ""))
		} else {
			errs = append(errs, check.Text(v.Name, path.Child("name"), validation.IsRelaxedEnvVarName)...)
		}
		if v.ValueFrom != nil {
			errs = append(errs, validateEnvSource(v, path.Child("valueFrom"))...)
		}
	}
	return errs
}

func validateEnvSource(v *corev1.EnvVar, path *field.Path) (errs field.ErrorList) {
	from, sources := v.ValueFrom, 0
	if from.FieldRef != nil {
		sources++
		errs = append(errs, validateFieldRef(from.FieldRef, envFields, path.Child("fieldRef"))...)
	}
	if from.ResourceFieldRef != nil {
		sources++
		errs = append(errs, validateResourceRef(from.ResourceFieldRef, false, path.Child("resourceFieldRef"))...)
	}
	if ref := from.ConfigMapKeyRef; ref != nil {
		sources++
		errs = append(errs, validateKeyRef(ref.Name, ref.Key, path.Child("configMapKeyRef"))...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		sources++
		errs = append(errs, validateKeyRef(ref.Name, ref.Key, path.Child("secretKeyRef"))...)
	}
	if from.FileKeyRef != nil {
		sources++
		errs = append(errs, validateFileKeyRef(from.FileKeyRef, path.Child("fileKeyRef"))...)
	}
	switch {
	case sources == 0:
		errs = append(errs, field.Invalid(path, "", noSource))
	case v.Value != "":
		errs = append(errs, field.Invalid(path, "", valueAndSource))
	case sources > 1:
		errs = append(errs, field.Invalid(path, "", severalSources))
	}
	return errs
}

func validateKeyRef(name, key string, path *field.Path) field.ErrorList {
	errs := check.DNS1123Subdomain(name, path.Child("name"))
	if key == "" {
		return append(errs, field.Required(path.Child("key"), ""))
	}
	return append(errs, check.Text(key, path.Child("key"), validation.IsConfigMapKey)...)
}

func validateEnvFrom(sources []corev1.EnvFromSource, path *field.Path) (errs field.ErrorList) {
	for i, source := range sources {
		at, n := path.Index(i), 0
		if source.Prefix != "" {
			errs = append(errs, check.Text(source.Prefix, at.Child("prefix"), validation.IsRelaxedEnvVarName)...)
		}
		if ref := source.ConfigMapRef; ref != nil {
			n++
			errs = append(errs, validateNameRef(ref.Name, at.Child("configMapRef"))...)
		}
		if ref := source.SecretRef; ref != nil {
			n++
			errs = append(errs, validateNameRef(ref.Name, at.Child("secretRef"))...)
		}
		switch {
		case n == 0:
			errs = append(errs, field.Invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
		case n > 1:
			errs = append(errs, field.Invalid(path, "", severalSources))
		}
	}
	return errs
}

func validateNameRef(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path.Child("name"), "")}
	}
	return check.DNS1123Subdomain(name, path.Child("name"))
}
