package podsecurity

import (
	"slices"
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
		errs = append(errs, seccomp.agrees(annotation, string(own.seccomp.Type), own.seccomp.LocalhostProfile, path.Child("securityContext", "seccompProfile"))...)
	}
	for c, at := range containers.All(spec, path) {
		annotation, ok := annotations[corev1.SeccompContainerAnnotationKeyPrefix+c.Name]
		if ok && c.SecurityContext != nil && c.SecurityContext.SeccompProfile != nil {
			profile := c.SecurityContext.SeccompProfile
			errs = append(errs, seccomp.agrees(annotation, string(profile.Type), profile.LocalhostProfile, at.Child("securityContext", "seccompProfile"))...)
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
			errs = append(errs, appArmor.agrees(annotation, string(profile.Type), profile.LocalhostProfile, at.Child("securityContext", "appArmorProfile"))...)
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

// wording is how annotations name the profiles of one sort.
type wording struct {
	sort       string
	unconfined string
	byDefault  []string // the runtime's
	local      string   // before the name of a file
}

var (
	seccomp = wording{"seccomp", corev1.SeccompProfileNameUnconfined,
		[]string{corev1.SeccompProfileRuntimeDefault, corev1.DeprecatedSeccompProfileDockerDefault}, corev1.SeccompLocalhostProfileNamePrefix}
	appArmor = wording{"apparmor", corev1.DeprecatedAppArmorBetaProfileNameUnconfined,
		[]string{corev1.DeprecatedAppArmorBetaProfileRuntimeDefault}, corev1.DeprecatedAppArmorBetaProfileNamePrefix}
)

// agrees holds that the annotation names the profile of that type and, for
// Localhost, of that file. The types of both sorts are called alike.
func (w wording) agrees(annotation, profile string, file *string, path *field.Path) field.ErrorList {
	agrees := true
	switch profile {
	case string(corev1.SeccompProfileTypeUnconfined):
		agrees = annotation == w.unconfined
	case string(corev1.SeccompProfileTypeRuntimeDefault):
		agrees = slices.Contains(w.byDefault, annotation)
	case string(corev1.SeccompProfileTypeLocalhost):
		var local string
		local, agrees = strings.CutPrefix(annotation, w.local)
		if agrees && (file == nil || local != *file) {
			return field.ErrorList{field.Forbidden(path.Child("localhostProfile"), w.sort+" profile in annotation and field must match")}
		}
	}
	if agrees {
		return nil
	}
	return field.ErrorList{field.Forbidden(path.Child("type"), w.sort+" type in annotation and field must match")}
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
