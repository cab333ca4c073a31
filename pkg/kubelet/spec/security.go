package spec

import (
	"fmt"
	"path/filepath"
	"strconv"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// namespaces are which of the host's namespaces the pod shares.
func namespaces(pod *v1.Pod) *runtimeapi.NamespaceOption {
	o := &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_CONTAINER}
	if pod.Spec.HostNetwork {
		o.Network = runtimeapi.NamespaceMode_NODE
	}
	if pod.Spec.HostIPC {
		o.Ipc = runtimeapi.NamespaceMode_NODE
	}
	switch {
	case pod.Spec.HostPID:
		o.Pid = runtimeapi.NamespaceMode_NODE
	case isTrue(pod.Spec.ShareProcessNamespace):
		o.Pid = runtimeapi.NamespaceMode_POD
	}
	return o
}

func (h *Host) sandboxSecurity(pod *v1.Pod, cautious bool) *runtimeapi.LinuxSandboxSecurityContext {
	s := &runtimeapi.LinuxSandboxSecurityContext{
		NamespaceOptions: namespaces(pod),
		Privileged:       anyPrivileged(pod),
		Seccomp:          h.sandboxSeccomp(cautious),
	}
	sc := pod.Spec.SecurityContext
	if sc == nil {
		return s
	}
	if sc.RunAsUser != nil {
		s.RunAsUser = &runtimeapi.Int64Value{Value: *sc.RunAsUser}
	}
	if sc.RunAsGroup != nil {
		s.RunAsGroup = &runtimeapi.Int64Value{Value: *sc.RunAsGroup}
	}
	s.SupplementalGroups = groups(sc)
	s.SelinuxOptions = selinux(sc.SELinuxOptions)
	return s
}

func anyPrivileged(pod *v1.Pod) bool {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if sc := list[i].SecurityContext; sc != nil && isTrue(sc.Privileged) {
				return true
			}
		}
	}
	return false
}

func groups(sc *v1.PodSecurityContext) []int64 {
	list := append([]int64(nil), sc.SupplementalGroups...)
	if sc.FSGroup != nil {
		list = append(list, *sc.FSGroup)
	}
	return list
}

func selinux(o *v1.SELinuxOptions) *runtimeapi.SELinuxOption {
	if o == nil {
		return nil
	}
	return &runtimeapi.SELinuxOption{User: o.User, Role: o.Role, Type: o.Type, Level: o.Level}
}

// ImageUser is the user that an image says its process runs as: a uid, a name,
// or neither.
type ImageUser struct {
	UID  *int64
	Name string
}

// containerSecurity merges the container's security context over the pod's.
// https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
func (h *Host) containerSecurity(pod *v1.Pod, c *v1.Container, image ImageUser) (*runtimeapi.LinuxContainerSecurityContext, error) {
	s := &runtimeapi.LinuxContainerSecurityContext{
		NamespaceOptions: namespaces(pod),
		MaskedPaths:      maskedPaths,
		ReadonlyPaths:    readonlyPaths,
	}
	podSC, sc := pod.Spec.SecurityContext, c.SecurityContext
	if podSC == nil {
		podSC = &v1.PodSecurityContext{}
	}
	if sc == nil {
		sc = &v1.SecurityContext{}
	}
	s.Privileged = isTrue(sc.Privileged)
	s.ReadonlyRootfs = isTrue(sc.ReadOnlyRootFilesystem)
	s.NoNewPrivs = sc.AllowPrivilegeEscalation != nil && !*sc.AllowPrivilegeEscalation
	s.SupplementalGroups = groups(podSC)
	if podSC.SupplementalGroupsPolicy != nil && *podSC.SupplementalGroupsPolicy == v1.SupplementalGroupsPolicyStrict {
		s.SupplementalGroupsPolicy = runtimeapi.SupplementalGroupsPolicy_Strict
	}
	s.SelinuxOptions = selinux(or(sc.SELinuxOptions, podSC.SELinuxOptions))
	if s.Privileged || sc.ProcMount != nil && *sc.ProcMount == v1.UnmaskedProcMount {
		s.MaskedPaths, s.ReadonlyPaths = nil, nil
	}
	if sc.Capabilities != nil {
		s.Capabilities = &runtimeapi.Capability{}
		for _, add := range sc.Capabilities.Add {
			s.Capabilities.AddCapabilities = append(s.Capabilities.AddCapabilities, string(add))
		}
		for _, drop := range sc.Capabilities.Drop {
			s.Capabilities.DropCapabilities = append(s.Capabilities.DropCapabilities, string(drop))
		}
	}
	var err error
	if s.Seccomp, err = h.seccomp(or(sc.SeccompProfile, podSC.SeccompProfile)); err != nil {
		return nil, err
	}
	if s.Apparmor, err = apparmor(or(sc.AppArmorProfile, podSC.AppArmorProfile)); err != nil {
		return nil, err
	}
	return s, runAs(s, pod, c, podSC, sc, image)
}

// runAs sets the user and group, and holds runAsNonRoot to them.
func runAs(s *runtimeapi.LinuxContainerSecurityContext, pod *v1.Pod, c *v1.Container, podSC *v1.PodSecurityContext, sc *v1.SecurityContext, image ImageUser) error {
	uid := or(sc.RunAsUser, podSC.RunAsUser)
	if gid := or(sc.RunAsGroup, podSC.RunAsGroup); gid != nil {
		s.RunAsGroup = &runtimeapi.Int64Value{Value: *gid}
	}
	switch {
	case uid != nil:
		s.RunAsUser = &runtimeapi.Int64Value{Value: *uid}
	case image.UID != nil:
		s.RunAsUser = &runtimeapi.Int64Value{Value: *image.UID}
	case image.Name != "":
		s.RunAsUsername = image.Name
	case s.RunAsGroup != nil:
		s.RunAsUser = &runtimeapi.Int64Value{Value: 0} // a group needs a user
	}
	if !isTrue(or(sc.RunAsNonRoot, podSC.RunAsNonRoot)) {
		return nil
	}
	where := fmt.Sprintf("(pod: \"%s_%s(%s)\", container: %s)", pod.Name, pod.Namespace, pod.UID, c.Name)
	switch {
	case uid != nil && *uid == 0:
		return fmt.Errorf("container's runAsUser breaks non-root policy %s", where)
	case uid != nil:
		return nil
	case image.UID != nil && *image.UID == 0, image.UID == nil && image.Name == "":
		return fmt.Errorf("container has runAsNonRoot and image will run as root %s", where)
	case image.Name != "":
		return fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root %s", image.Name, where)
	}
	return nil
}

// or is the more specific of two settings.
func or[T any](container, pod *T) *T {
	if container != nil {
		return container
	}
	return pod
}

// seccomp turns a profile into CRI's form. None means unconfined, as upstream
// does unless --seccomp-default is set.
func (h *Host) seccomp(p *v1.SeccompProfile) (*runtimeapi.SecurityProfile, error) {
	if p == nil {
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}, nil
	}
	switch p.Type {
	case v1.SeccompProfileTypeRuntimeDefault:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}, nil
	case v1.SeccompProfileTypeUnconfined:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}, nil
	case v1.SeccompProfileTypeLocalhost:
		if p.LocalhostProfile == nil || !filepath.IsLocal(*p.LocalhostProfile) {
			return nil, fmt.Errorf("seccomp profile of type Localhost needs localhostProfile, a relative path")
		}
		return &runtimeapi.SecurityProfile{
			ProfileType:  runtimeapi.SecurityProfile_Localhost,
			LocalhostRef: filepath.Join(h.SeccompDir, *p.LocalhostProfile),
		}, nil
	}
	return nil, fmt.Errorf("seccomp profile type %q is not known", p.Type)
}

func apparmor(p *v1.AppArmorProfile) (*runtimeapi.SecurityProfile, error) {
	if p == nil {
		return nil, nil
	}
	switch p.Type {
	case v1.AppArmorProfileTypeRuntimeDefault:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}, nil
	case v1.AppArmorProfileTypeUnconfined:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}, nil
	case v1.AppArmorProfileTypeLocalhost:
		if p.LocalhostProfile == nil {
			return nil, fmt.Errorf("AppArmor profile of type Localhost needs localhostProfile")
		}
		return &runtimeapi.SecurityProfile{
			ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: *p.LocalhostProfile,
		}, nil
	}
	return nil, fmt.Errorf("AppArmor profile type %q is not known", p.Type)
}

// ParseImageUser reads an image's user field as the runtime reports it.
func ParseImageUser(image *runtimeapi.Image) ImageUser {
	if image.GetUid() != nil {
		uid := image.GetUid().GetValue()
		return ImageUser{UID: &uid}
	}
	name := image.GetUsername()
	if uid, err := strconv.ParseInt(name, 10, 64); err == nil {
		return ImageUser{UID: &uid}
	}
	return ImageUser{Name: name}
}

func sysctls(pod *v1.Pod) map[string]string {
	if pod.Spec.SecurityContext == nil || len(pod.Spec.SecurityContext.Sysctls) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, s := range pod.Spec.SecurityContext.Sysctls {
		m[s.Name] = s.Value
	}
	return m
}

// The parts of /proc and /sys that containers do not see, or may only read, as
// container runtimes and upstream have them.
var (
	maskedPaths = []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
		"/sys/firmware", "/sys/devices/virtual/powercap",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)
