package podsecurity

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/containers"
)

// Agreement holds that annotations and fields of the spec at path name the same
// profiles, where both name one.
func Agreement(annotations map[string]string, spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	own := profilesOf(spec)
	if annotation, ok := annotations[corev1.SeccompPodAnnotationKey]; ok && own.seccomp != nil {
		errs = append(errs, seccompAgrees(annotation, own.seccomp, path.Child("securityContext", "seccompProfile"))...)
	}
	for c, at := range containers.All(spec, path) {
		annotation, ok := annotations[corev1.SeccompContainerAnnotationKeyPrefix+c.Name]
		if ok && c.SecurityContext != nil && c.SecurityContext.SeccompProfile != nil {
			errs = append(errs, seccompAgrees(annotation, c.SecurityContext.SeccompProfile, at.Child("securityContext", "seccompProfile"))...)
		}
	}
	if isWindows(spec) {
		return errs
	}
	for c, at := range containers.All(spec, path) {
		profile := own.appArmor
		if c.SecurityContext != nil && c.SecurityContext.AppArmorProfile != nil {
			profile = c.SecurityContext.AppArmorProfile
		}
		if annotation, ok := annotations[appArmorKey+c.Name]; ok && profile != nil {
			errs = append(errs, appArmorAgrees(annotation, profile, at.Child("securityContext", "appArmorProfile"))...)
		}
	}
	return errs
}

// profiles are those of all containers of a pod; nil if it names none.
type profiles struct {
	seccomp  *corev1.SeccompProfile
	appArmor *corev1.AppArmorProfile
}

func profilesOf(spec *corev1.PodSpec) profiles {
	if sc := spec.SecurityContext; sc != nil {
		return profiles{sc.SeccompProfile, sc.AppArmorProfile}
	}
	return profiles{}
}

func seccompAgrees(annotation string, profile *corev1.SeccompProfile, path *field.Path) field.ErrorList {
	agrees := true
	switch profile.Type {
	case corev1.SeccompProfileTypeUnconfined:
		agrees = annotation == corev1.SeccompProfileNameUnconfined
	case corev1.SeccompProfileTypeRuntimeDefault:
		agrees = annotation == corev1.SeccompProfileRuntimeDefault || annotation == corev1.DeprecatedSeccompProfileDockerDefault
	case corev1.SeccompProfileTypeLocalhost:
		var local string
		local, agrees = strings.CutPrefix(annotation, corev1.SeccompLocalhostProfileNamePrefix)
		if agrees && (profile.LocalhostProfile == nil || local != *profile.LocalhostProfile) {
			return field.ErrorList{field.Forbidden(path.Child("localhostProfile"), "seccomp profile in annotation and field must match")}
		}
	}
	if agrees {
		return nil
	}
	return field.ErrorList{field.Forbidden(path.Child("type"), "seccomp type in annotation and field must match")}
}

func appArmorAgrees(annotation string, profile *corev1.AppArmorProfile, path *field.Path) field.ErrorList {
	agrees := true
	switch profile.Type {
	case corev1.AppArmorProfileTypeUnconfined:
		agrees = annotation == corev1.DeprecatedAppArmorBetaProfileNameUnconfined
	case corev1.AppArmorProfileTypeRuntimeDefault:
		agrees = annotation == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault
	case corev1.AppArmorProfileTypeLocalhost:
		var local string
		local, agrees = strings.CutPrefix(annotation, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
		if agrees && (profile.LocalhostProfile == nil || local != *profile.LocalhostProfile) {
			return field.ErrorList{field.Forbidden(path.Child("localhostProfile"), "apparmor profile in annotation and field must match")}
		}
	}
	if agrees {
		return nil
	}
	return field.ErrorList{field.Forbidden(path.Child("type"), "apparmor type in annotation and field must match")}
}

// AppArmorOf returns the profile that an annotation names; nil if it names none.
func AppArmorOf(annotation string) *corev1.AppArmorProfile {
	switch annotation {
	case corev1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	case corev1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
	}
	local, ok := strings.CutPrefix(annotation, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
	if !ok || local == "" {
		return nil
	}
	return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: &local}
}

// AdoptAppArmor gives the containers of a new pod the profiles that annotations
// name. It returns the keys of annotations that clients should not use anymore:
// all but those that say what a field says as well.
//
// https://kep.k8s.io/24
func AdoptAppArmor(annotations map[string]string, spec *corev1.PodSpec) (outdated []string) {
	if isWindows(spec) {
		return nil
	}
	pod := profilesOf(spec).appArmor
	for c := range containers.All(spec, nil) {
		annotation, ok := annotations[appArmorKey+c.Name]
		if !ok || c.SecurityContext != nil && c.SecurityContext.AppArmorProfile != nil {
			continue
		}
		profile := AppArmorOf(annotation)
		if len(validateAppArmor(profile, nil)) > 0 {
			profile = nil
		}
		if profile != nil && sameAppArmor(profile, pod) {
			continue
		}
		outdated = append(outdated, appArmorKey+c.Name)
		if profile == nil {
			continue
		}
		if c.SecurityContext == nil {
			c.SecurityContext = &corev1.SecurityContext{}
		}
		c.SecurityContext.AppArmorProfile = profile
	}
	return outdated
}

func sameAppArmor(a, b *corev1.AppArmorProfile) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Type == b.Type && (a.LocalhostProfile == nil) == (b.LocalhostProfile == nil) &&
		(a.LocalhostProfile == nil || *a.LocalhostProfile == *b.LocalhostProfile)
}
