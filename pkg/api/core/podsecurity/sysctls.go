package podsecurity

import (
	"fmt"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-helpers/node/util/sysctl"
)

// sysctlName is a path of names between dots or slashes.
var sysctlName = regexp.MustCompile(`^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`)

const longestSysctl = 253

// validateSysctls checks parameters of the kernel that are the pod's own: not
// those of a namespace that it shares with the node.
//
// https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
func validateSysctls(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for i, s := range spec.SecurityContext.Sysctls {
		path := path.Index(i).Child("name")
		switch {
		case s.Name == "":
			errs = append(errs, field.Required(path, ""))
		case len(s.Name) > longestSysctl || !sysctlName.MatchString(s.Name):
			errs = append(errs, field.Invalid(path, s.Name, fmt.Sprintf("must have at most %d characters and match regex %s", longestSysctl, sysctlName)))
		case names.Has(s.Name):
			errs = append(errs, field.Duplicate(path, s.Name))
		}
		names.Insert(s.Name)
		switch namespace, _, _ := sysctl.GetNamespace(s.Name); {
		case spec.HostNetwork && namespace == sysctl.NetNamespace:
			errs = append(errs, field.Invalid(path, s.Name, "may not be specified when 'hostNetwork' is true"))
		case spec.HostIPC && namespace == sysctl.IPCNamespace:
			errs = append(errs, field.Invalid(path, s.Name, "may not be specified when 'hostIPC' is true"))
		}
	}
	return errs
}
