package podsecurity

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/containers"
)

func isWindows(spec *corev1.PodSpec) bool {
	return spec.OS != nil && spec.OS.Name == corev1.Windows
}

// OS checks the operating system that a pod says it is for, and that the spec at
// path has nothing that exists only on another.
func OS(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	switch {
	case spec.OS == nil:
		return nil
	case spec.OS.Name == "":
		return field.ErrorList{field.Required(path.Child("os", "name"), "")}
	case spec.OS.Name == corev1.Linux:
		return forbidOnLinux(spec, path)
	case spec.OS.Name == corev1.Windows:
		return forbidOnWindows(spec, path)
	}
	return check.OneOf(spec.OS.Name, path.Child("os"), corev1.Linux, corev1.Windows)
}

func forbidOnLinux(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	const message = "windows options cannot be set for a linux pod"
	if sc := spec.SecurityContext; sc != nil && sc.WindowsOptions != nil {
		errs = append(errs, field.Forbidden(path.Child("securityContext", "windowsOptions"), message))
	}
	for c, at := range containers.All(spec, path) {
		if sc := c.SecurityContext; sc != nil && sc.WindowsOptions != nil {
			errs = append(errs, field.Forbidden(at.Child("securityContext", "windowsOptions"), message))
		}
	}
	return errs
}

// use is a field and whether it is set.
type use struct {
	name string
	set  bool
}

func forbidOnWindows(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	forbid := func(path *field.Path, uses []use) {
		for _, f := range uses {
			if f.set {
				errs = append(errs, field.Forbidden(path.Child(f.name), "cannot be set for a windows pod"))
			}
		}
	}
	if sc := spec.SecurityContext; sc != nil {
		forbid(path.Child("securityContext"), []use{
			{"appArmorProfile", sc.AppArmorProfile != nil}, {"seLinuxOptions", sc.SELinuxOptions != nil},
			{"seccompProfile", sc.SeccompProfile != nil}, {"fsGroup", sc.FSGroup != nil},
			{"fsGroupChangePolicy", sc.FSGroupChangePolicy != nil}, {"sysctls", len(sc.Sysctls) > 0},
			{"runAsUser", sc.RunAsUser != nil}, {"runAsGroup", sc.RunAsGroup != nil},
			{"supplementalGroups", sc.SupplementalGroups != nil},
			{"supplementalGroupsPolicy", sc.SupplementalGroupsPolicy != nil},
			{"seLinuxChangePolicy", sc.SELinuxChangePolicy != nil},
		})
	}
	forbid(path, []use{
		{"hostUsers", spec.HostUsers != nil}, {"hostPID", spec.HostPID}, {"hostIPC", spec.HostIPC},
		{"shareProcessNamespace", spec.ShareProcessNamespace != nil},
	})
	for c, at := range containers.All(spec, path) {
		if sc := c.SecurityContext; sc != nil {
			forbid(at.Child("securityContext"), []use{
				{"appArmorProfile", sc.AppArmorProfile != nil}, {"seLinuxOptions", sc.SELinuxOptions != nil},
				{"seccompProfile", sc.SeccompProfile != nil}, {"capabilities", sc.Capabilities != nil},
				{"readOnlyRootFilesystem", sc.ReadOnlyRootFilesystem != nil}, {"privileged", sc.Privileged != nil},
				{"allowPrivilegeEscalation", sc.AllowPrivilegeEscalation != nil}, {"procMount", sc.ProcMount != nil},
				{"runAsUser", sc.RunAsUser != nil}, {"runAsGroup", sc.RunAsGroup != nil},
			})
		}
	}
	return errs
}
