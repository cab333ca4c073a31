package podsecurity

import (
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/containers"
)

// AllowPrivileged says whether privileged containers are admitted in this
// cluster. It is the flag --allow-privileged of the server, which sets it once
// before it serves; validation has no other way to know.
var AllowPrivileged atomic.Bool

// Pod checks the context, at path, of all containers of a pod.
func Pod(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	sc := spec.SecurityContext
	if sc.FSGroup != nil {
		errs = append(errs, validateID(*sc.FSGroup, path.Child("fsGroup"), validation.IsValidGroupID)...)
	}
	errs = append(errs, validateRunAs(sc.RunAsUser, sc.RunAsGroup, path)...)
	for i, gid := range sc.SupplementalGroups {
		errs = append(errs, validateID(gid, path.Child("supplementalGroups").Index(i), validation.IsValidGroupID)...)
	}
	errs = append(errs, validateSysctls(spec, path.Child("sysctls"))...)
	if policy := sc.FSGroupChangePolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("fsGroupChangePolicy"), corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)...)
	}
	errs = append(errs, validateSeccomp(sc.SeccompProfile, path.Child("seccompProfile"))...)
	errs = append(errs, validateWindows(sc.WindowsOptions, path.Child("windowsOptions"))...)
	errs = append(errs, validateAppArmor(sc.AppArmorProfile, path.Child("appArmorProfile"))...)
	if policy := sc.SupplementalGroupsPolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("supplementalGroupsPolicy"), corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict)...)
	}
	if policy := sc.SELinuxChangePolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("seLinuxChangePolicy"), corev1.SELinuxChangePolicyMountOption, corev1.SELinuxChangePolicyRecursive)...)
	}
	return errs
}

func validateRunAs(user, group *int64, path *field.Path) (errs field.ErrorList) {
	if user != nil {
		errs = append(errs, validateID(*user, path.Child("runAsUser"), validation.IsValidUserID)...)
	}
	if group != nil {
		errs = append(errs, validateID(*group, path.Child("runAsGroup"), validation.IsValidGroupID)...)
	}
	return errs
}

func validateID(id int64, path *field.Path, problems func(int64) []string) (errs field.ErrorList) {
	for _, msg := range problems(id) {
		errs = append(errs, field.Invalid(path, id, msg))
	}
	return errs
}

// Container checks the context of one container of the pod.
func Container(spec *corev1.PodSpec, sc *corev1.SecurityContext, path *field.Path) (errs field.ErrorList) {
	if sc == nil {
		return nil
	}
	privileged := sc.Privileged != nil && *sc.Privileged
	if privileged && !AllowPrivileged.Load() {
		errs = append(errs, field.Forbidden(path.Child("privileged"), "disallowed by cluster policy"))
	}
	errs = append(errs, validateRunAs(sc.RunAsUser, sc.RunAsGroup, path)...)
	if mount := sc.ProcMount; mount != nil {
		errs = append(errs, check.OneOf(*mount, path.Child("procMount"), corev1.DefaultProcMount, corev1.UnmaskedProcMount)...)
		if *mount == corev1.UnmaskedProcMount && (spec.HostUsers == nil || *spec.HostUsers) {
			errs = append(errs, field.Invalid(path.Child("procMount"), sc.ProcMount, "`hostUsers` must be false to use `Unmasked`"))
		}
	}
	errs = append(errs, validateSeccomp(sc.SeccompProfile, path.Child("seccompProfile"))...)
	if sc.AllowPrivilegeEscalation != nil && !*sc.AllowPrivilegeEscalation {
		if privileged {
			errs = append(errs, field.Invalid(path, api.Internal(sc), "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
		}
		if sc.Capabilities != nil {
			for _, capability := range sc.Capabilities.Add {
				if capability == "CAP_SYS_ADMIN" {
					errs = append(errs, field.Invalid(path, api.Internal(sc), "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
				}
			}
		}
	}
	errs = append(errs, validateWindows(sc.WindowsOptions, path.Child("windowsOptions"))...)
	return append(errs, validateAppArmor(sc.AppArmorProfile, path.Child("appArmorProfile"))...)
}

// HostUsers holds that a pod with users of its own, whose spec is at path,
// shares no namespace of the node's in which those would be others.
//
// https://kep.k8s.io/127
func HostUsers(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	if spec.HostUsers == nil || *spec.HostUsers {
		return nil
	}
	const message = "when `hostUsers` is false"
	for _, f := range []struct {
		name string
		set  bool
	}{{"hostNetwork", spec.HostNetwork}, {"HostPID", spec.HostPID}, {"HostIPC", spec.HostIPC}} {
		if f.set {
			errs = append(errs, field.Forbidden(path.Child(f.name), message))
		}
	}
	for c, at := range containers.All(spec, path) {
		if len(c.VolumeDevices) > 0 {
			errs = append(errs, field.Forbidden(at.Child("volumeDevices"), message))
		}
	}
	return errs
}
