package spec

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
)

// Check names the first thing in a pod's spec that this kubelet cannot do, or
// returns nil. Volumes name themselves when they are set up.
func Check(pod *v1.Pod) error {
	s := &pod.Spec
	switch {
	case s.OS != nil && s.OS.Name != v1.Linux:
		return unsupported("spec.os.name: " + string(s.OS.Name))
	case s.HostUsers != nil && !*s.HostUsers:
		return unsupported("spec.hostUsers: false (user namespaces)")
	case s.RuntimeClassName != nil && *s.RuntimeClassName != "":
		return unsupported("spec.runtimeClassName")
	case len(s.ResourceClaims) > 0:
		return unsupported("spec.resourceClaims (dynamic resource allocation)")
	case len(s.EphemeralContainers) > 0:
		return unsupported("spec.ephemeralContainers")
	case s.SecurityContext != nil && s.SecurityContext.WindowsOptions != nil:
		return unsupported("spec.securityContext.windowsOptions")
	}
	for _, list := range [][]v1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			if err := checkContainer(&list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkContainer(c *v1.Container) error {
	field := "containers{" + c.Name + "}."
	if len(c.VolumeDevices) > 0 {
		return unsupported(field + "volumeDevices")
	}
	if sc := c.SecurityContext; sc != nil && sc.WindowsOptions != nil {
		return unsupported(field + "securityContext.windowsOptions")
	}
	for _, m := range c.VolumeMounts {
		if m.RecursiveReadOnly != nil && *m.RecursiveReadOnly == v1.RecursiveReadOnlyEnabled {
			return unsupported(field + "volumeMounts.recursiveReadOnly: Enabled")
		}
	}
	for name := range c.Resources.Limits {
		switch {
		case name == v1.ResourceCPU, name == v1.ResourceMemory, name == v1.ResourceEphemeralStorage:
		case len(name) > 10 && name[:10] == v1.ResourceHugePagesPrefix:
		default:
			return unsupported(field + "resources.limits." + string(name) + " (device plugins)")
		}
	}
	return nil
}

// UnsupportedError is a part of a spec that this kubelet does not do.
type UnsupportedError struct{ Field string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("Pod uses %s, which is not supported by this kubelet", e.Field)
}

func unsupported(field string) error { return &UnsupportedError{field} }
