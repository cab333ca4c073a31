package podspec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/volumesource"
)

// validatePodSecurity checks what holds for all containers of the pod.
//
// https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
func (c *checker) validatePodSecurity(path *field.Path) (errs field.ErrorList) {
	if share := c.spec.ShareProcessNamespace; share != nil && *share && c.spec.HostPID {
		errs = append(errs, field.Invalid(path.Child("shareProcessNamespace"), *share, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	sc := c.spec.SecurityContext
	path = path.Child("securityContext")
	if sc.FSGroup != nil {
		errs = append(errs, validateID(*sc.FSGroup, path.Child("fsGroup"), validation.IsValidGroupID)...)
	}
	if sc.RunAsUser != nil {
		errs = append(errs, validateID(*sc.RunAsUser, path.Child("runAsUser"), validation.IsValidUserID)...)
	}
	if sc.RunAsGroup != nil {
		errs = append(errs, validateID(*sc.RunAsGroup, path.Child("runAsGroup"), validation.IsValidGroupID)...)
	}
	for i, gid := range sc.SupplementalGroups {
		errs = append(errs, validateID(gid, path.Child("supplementalGroups").Index(i), validation.IsValidGroupID)...)
	}
	errs = append(errs, validateSysctls(sc.Sysctls, path.Child("sysctls"))...)
	if policy := sc.FSGroupChangePolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("fsGroupChangePolicy"), corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)...)
	}
	errs = append(errs, validateSeccomp(sc.SeccompProfile, path.Child("seccompProfile"))...)
	if policy := sc.SupplementalGroupsPolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("supplementalGroupsPolicy"), corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict)...)
	}
	return append(errs, validateAppArmor(sc.AppArmorProfile, path.Child("appArmorProfile"))...)
}

func validateID(id int64, path *field.Path, check func(int64) []string) (errs field.ErrorList) {
	for _, msg := range check(id) {
		errs = append(errs, field.Invalid(path, id, msg))
	}
	return errs
}

func validateSysctls(sysctls []corev1.Sysctl, path *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for i, s := range sysctls {
		path := path.Index(i).Child("name")
		name := strings.ReplaceAll(s.Name, "/", ".")
		switch {
		case s.Name == "":
			errs = append(errs, field.Required(path, ""))
		case names.Has(name):
			errs = append(errs, field.Duplicate(path, s.Name))
		}
		names.Insert(name)
	}
	return errs
}

func validateSeccomp(p *corev1.SeccompProfile, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	if p.Type == corev1.SeccompProfileTypeLocalhost {
		if p.LocalhostProfile == nil {
			return field.ErrorList{field.Required(path.Child("localhostProfile"), "must be set when seccomp type is Localhost")}
		}
		return volumesource.Descending(*p.LocalhostProfile, path.Child("localhostProfile"))
	}
	var errs field.ErrorList
	if p.LocalhostProfile != nil {
		errs = append(errs, field.Invalid(path.Child("localhostProfile"), p, "can only be set when seccomp type is Localhost"))
	}
	if p.Type == "" {
		return append(errs, field.Required(path.Child("type"), "type is required when seccompProfile is set"))
	}
	return append(errs, check.OneOf(p.Type, path.Child("type"),
		corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)...)
}

func validateAppArmor(p *corev1.AppArmorProfile, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	profile := path.Child("localhostProfile")
	switch p.Type {
	case corev1.AppArmorProfileTypeLocalhost:
		switch {
		case p.LocalhostProfile == nil:
			return field.ErrorList{field.Required(profile, "must be set when AppArmor type is Localhost")}
		case strings.TrimSpace(*p.LocalhostProfile) != *p.LocalhostProfile:
			return field.ErrorList{field.Invalid(profile, *p.LocalhostProfile, "must not be padded with whitespace")}
		case *p.LocalhostProfile == "":
			return field.ErrorList{field.Required(profile, "must be set when AppArmor type is Localhost")}
		}
	case corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined:
		if p.LocalhostProfile != nil {
			return field.ErrorList{field.Invalid(profile, p.LocalhostProfile, "can only be set when AppArmor type is Localhost")}
		}
	case "":
		return field.ErrorList{field.Required(path.Child("type"), "type is required when appArmorProfile is set")}
	default:
		return check.OneOf(p.Type, path.Child("type"), corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined)
	}
	return nil
}

// validateSecurity checks what holds for one container.
func (c *checker) validateSecurity(sc *corev1.SecurityContext, path *field.Path) (errs field.ErrorList) {
	if sc == nil {
		return nil
	}
	privileged := sc.Privileged != nil && *sc.Privileged
	if privileged && !AllowPrivileged.Load() {
		errs = append(errs, field.Forbidden(path.Child("privileged"), "disallowed by cluster policy"))
	}
	if sc.RunAsUser != nil {
		errs = append(errs, validateID(*sc.RunAsUser, path.Child("runAsUser"), validation.IsValidUserID)...)
	}
	if sc.RunAsGroup != nil {
		errs = append(errs, validateID(*sc.RunAsGroup, path.Child("runAsGroup"), validation.IsValidGroupID)...)
	}
	if mount := sc.ProcMount; mount != nil {
		errs = append(errs, check.OneOf(*mount, path.Child("procMount"), corev1.DefaultProcMount, corev1.UnmaskedProcMount)...)
		if *mount == corev1.UnmaskedProcMount && (c.spec.HostUsers == nil || *c.spec.HostUsers) {
			errs = append(errs, field.Invalid(path.Child("procMount"), sc.ProcMount, "`hostUsers` must be false to use `Unmasked`"))
		}
	}
	errs = append(errs, validateSeccomp(sc.SeccompProfile, path.Child("seccompProfile"))...)
	if sc.AllowPrivilegeEscalation != nil && !*sc.AllowPrivilegeEscalation {
		if privileged {
			errs = append(errs, field.Invalid(path, sc, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
		}
		if sc.Capabilities != nil {
			for _, capability := range sc.Capabilities.Add {
				if capability == "CAP_SYS_ADMIN" {
					errs = append(errs, field.Invalid(path, sc, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
				}
			}
		}
	}
	return append(errs, validateAppArmor(sc.AppArmorProfile, path.Child("appArmorProfile"))...)
}

// validateHostUsers holds that a pod with users of its own shares no namespace
// of the node's in which those would be others.
//
// https://kep.k8s.io/127
func (c *checker) validateHostUsers(path *field.Path) (errs field.ErrorList) {
	spec := c.spec
	if spec.HostUsers == nil || *spec.HostUsers {
		return nil
	}
	if spec.HostNetwork {
		errs = append(errs, field.Forbidden(path, "when `hostNetwork` is true"))
	}
	if spec.HostPID {
		errs = append(errs, field.Forbidden(path, "when `hostPID` is true"))
	}
	if spec.HostIPC {
		errs = append(errs, field.Forbidden(path, "when `hostIPC` is true"))
	}
	return errs
}
