package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/volumesource"
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
	for i, item := range items {
		path := path.Index(i)
		errs = append(errs, requireText(path.Child("key"), item.Key)...)
		errs = append(errs, validateFilePath(item.Path, path.Child("path"))...)
		errs = append(errs, validateMode(item.Mode, path.Child("mode"))...)
	}
	return errs
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

func (c *checker) validateProjected(p *corev1.ProjectedVolumeSource, path *field.Path) field.ErrorList {
	errs := validateMode(p.DefaultMode, path.Child("defaultMode"))
	paths := sets.New[string]()
	for i := range p.Sources {
		errs = append(errs, validateProjection(&p.Sources[i], path.Child("sources").Index(i))...)
		for _, file := range filesOf(&p.Sources[i]) {
			if paths.Has(file) {
				errs = append(errs, field.Invalid(path, file, "conflicting duplicate paths"))
			}
			paths.Insert(file)
		}
	}
	return errs
}

// filesOf returns the paths that a projection names. Those that come from the
// keys of an object are not known yet.
func filesOf(p *corev1.VolumeProjection) (files []string) {
	add := func(items []corev1.KeyToPath) {
		for _, item := range items {
			files = append(files, item.Path)
		}
	}
	if p.Secret != nil {
		add(p.Secret.Items)
	}
	if p.ConfigMap != nil {
		add(p.ConfigMap.Items)
	}
	if p.DownwardAPI != nil {
		for _, item := range p.DownwardAPI.Items {
			files = append(files, item.Path)
		}
	}
	if p.ServiceAccountToken != nil {
		files = append(files, p.ServiceAccountToken.Path)
	}
	return files
}

func validateProjection(p *corev1.VolumeProjection, path *field.Path) field.ErrorList {
	sources := &volumesource.Exclusive{Path: path, Message: volumesource.Several}
	check := sources.Check
	check("secret", p.Secret != nil, func(path *field.Path) field.ErrorList {
		return append(requireText(path.Child("name"), p.Secret.Name), validateItems(p.Secret.Items, path.Child("items"))...)
	})
	check("configMap", p.ConfigMap != nil, func(path *field.Path) field.ErrorList {
		return append(requireText(path.Child("name"), p.ConfigMap.Name), validateItems(p.ConfigMap.Items, path.Child("items"))...)
	})
	check("downwardAPI", p.DownwardAPI != nil, func(path *field.Path) field.ErrorList {
		return validateDownwardFiles(p.DownwardAPI.Items, path)
	})
	check("serviceAccountToken", p.ServiceAccountToken != nil, func(path *field.Path) field.ErrorList {
		return validateTokenProjection(p.ServiceAccountToken, path)
	})
	check("clusterTrustBundle", p.ClusterTrustBundle != nil, func(path *field.Path) field.ErrorList {
		return validateFilePath(p.ClusterTrustBundle.Path, path.Child("path"))
	})
	check("podCertificate", p.PodCertificate != nil, func(path *field.Path) field.ErrorList {
		return requireText(path.Child("signerName"), p.PodCertificate.SignerName)
	})
	return sources.Errs
}

func validateTokenProjection(t *corev1.ServiceAccountTokenProjection, path *field.Path) (errs field.ErrorList) {
	if seconds := t.ExpirationSeconds; seconds != nil {
		if *seconds < 600 {
			errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration less than 10 minutes"))
		}
		if *seconds > 1<<32 {
			errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	return append(errs, validateFilePath(t.Path, path.Child("path"))...)
}

// ValidateIdentity refuses what a pod without a service account cannot have.
// It is for pods only: a template's pods may yet be given one.
func ValidateIdentity(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	if spec.ServiceAccountName != "" {
		return nil
	}
	for i, volume := range spec.Volumes {
		if volume.Projected == nil {
			continue
		}
		for j, source := range volume.Projected.Sources {
			if source.ServiceAccountToken != nil {
				errs = append(errs, field.Forbidden(path.Child("volumes").Index(i).Child("projected", "sources").Index(j).Child("serviceAccountToken"),
					"must not be specified when serviceAccountName is not set"))
			}
		}
	}
	return errs
}
