package spec

import (
	"fmt"
	"slices"
	"strings"

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
	case s.SecurityContext != nil:
		if err := checkSecurity(s.SecurityContext); err != nil {
			return err
		}
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

func checkSecurity(sc *v1.PodSecurityContext) error {
	switch {
	case sc.WindowsOptions != nil:
		return unsupported("spec.securityContext.windowsOptions")
	case sc.SupplementalGroupsPolicy != nil && *sc.SupplementalGroupsPolicy == v1.SupplementalGroupsPolicyStrict:
		return unsupported("spec.securityContext.supplementalGroupsPolicy: Strict")
	}
	for _, s := range sc.Sysctls {
		if !slices.Contains(safeSysctls, strings.ReplaceAll(s.Name, "/", ".")) {
			return &ForbiddenSysctlError{s.Name}
		}
	}
	return nil
}

// safeSysctls concern no other pod.
// https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
var safeSysctls = []string{
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
	"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}

// ForbiddenSysctlError is a sysctl that could harm other pods.
type ForbiddenSysctlError struct{ Name string }

func (e *ForbiddenSysctlError) Error() string {
	return fmt.Sprintf("forbidden sysctl: %q not allowlisted", e.Name)
}

func checkContainer(c *v1.Container) error {
	field := "containers{" + c.Name + "}."
	if len(c.VolumeDevices) > 0 {
		return unsupported(field + "volumeDevices")
	}
	if sc := c.SecurityContext; sc != nil && sc.WindowsOptions != nil {
		return unsupported(field + "securityContext.windowsOptions")
	}
	if c.Lifecycle != nil && c.Lifecycle.StopSignal != nil {
		return unsupported(field + "lifecycle.stopSignal")
	}
	for _, r := range c.RestartPolicyRules {
		if r.Action != v1.ContainerRestartRuleActionRestart {
			return unsupported(field + "restartPolicyRules.action: " + string(r.Action))
		}
	}
	for _, m := range c.VolumeMounts {
		if m.RecursiveReadOnly != nil && *m.RecursiveReadOnly == v1.RecursiveReadOnlyEnabled {
			return unsupported(field + "volumeMounts.recursiveReadOnly: Enabled")
		}
	}
	for name := range c.Resources.Limits {
		switch {
		case name == v1.ResourceCPU, name == v1.ResourceMemory, name == v1.ResourceEphemeralStorage:
		case strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix):
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
