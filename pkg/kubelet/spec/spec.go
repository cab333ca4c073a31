// Package spec turns a pod's spec into what the runtime is asked to run.
//
// Sandbox and Container are pure: all that is read elsewhere (volumes, objects,
// Services, the image's user) is handed to them. Check names what in a spec this
// kubelet cannot do, before anything is run: no field is silently ignored.
package spec

import (
	"fmt"
	"path/filepath"
	"strconv"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cgroup"
	"slowmo/pkg/kubelet/cri"
)

// Host is what specs depend on of the node. It does not change.
type Host struct {
	PodLogs       string // /var/log/pods
	ClusterDNS    []string
	ClusterDomain string
	Resolver      Resolver // the host's own resolv.conf
	Cgroups       *cgroup.Manager
	// SeccompDir is where Localhost profiles are.
	SeccompDir string
	// SandboxProfile is the seccomp profile of sandboxes; "" is the runtime's.
	SandboxProfile string
}

// LogDir is where a pod's logs are.
func (h *Host) LogDir(namespace, name string, uid types.UID) string {
	return filepath.Join(h.PodLogs, namespace+"_"+name+"_"+string(uid))
}

// LogPath is the path of a container's log in its pod's LogDir.
func LogPath(container string, restarts int32) string {
	return filepath.Join(container, strconv.Itoa(int(restarts))+".log")
}

// Sandbox is the pod as the runtime sees it. A cautious one is not what can fail
// because of a profile of ours.
func (h *Host) Sandbox(pod *v1.Pod, attempt uint32, cautious bool) (*runtimeapi.PodSandboxConfig, error) {
	hostname, err := h.Hostname(pod)
	if err != nil {
		return nil, err
	}
	dns, err := h.dns(pod)
	if err != nil {
		return nil, err
	}
	parent := h.Cgroups.Parent(pod)
	config := &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{
			Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID), Attempt: attempt,
		},
		Hostname:     hostname,
		LogDirectory: h.LogDir(pod.Namespace, pod.Name, pod.UID),
		DnsConfig:    dns,
		PortMappings: portMappings(pod),
		Labels:       cri.Labels(pod, ""),
		Annotations:  cri.SandboxAnnotations(pod),
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent:    parent,
			SecurityContext: h.sandboxSecurity(pod, cautious),
			Sysctls:         sysctls(pod),
		},
	}
	return config, nil
}

// maxHostname is Linux's limit less the terminator.
const maxHostname = 63

// Hostname is the pod's own name for itself: spec.hostname or its name, cut to
// what Linux takes. A pod in the host's network has the host's.
func (h *Host) Hostname(pod *v1.Pod) (string, error) {
	if pod.Spec.HostnameOverride != nil {
		return *pod.Spec.HostnameOverride, nil
	}
	name := pod.Name
	switch {
	case pod.Spec.HostNetwork:
		return "", nil // the runtime takes the host's
	case pod.Spec.Hostname != "":
		name = pod.Spec.Hostname
	}
	if len(name) > maxHostname {
		name = trimEnd(name[:maxHostname])
	}
	if isTrue(pod.Spec.SetHostnameAsFQDN) {
		fqdn := h.domainOf(pod, name)
		if len(fqdn) > maxHostname+1 {
			return "", fmt.Errorf("failed to construct FQDN from pod hostname and cluster domain, FQDN %s is too long (%d characters is the max, %d characters requested)", fqdn, maxHostname+1, len(fqdn))
		}
		return fqdn, nil
	}
	return name, nil
}

func trimEnd(s string) string {
	for len(s) > 0 && (s[len(s)-1] == '-' || s[len(s)-1] == '.') {
		s = s[:len(s)-1]
	}
	return s
}

// domainOf is the name's fully qualified form, for pods with a subdomain.
func (h *Host) domainOf(pod *v1.Pod, name string) string {
	if pod.Spec.Subdomain == "" {
		return name
	}
	return fmt.Sprintf("%s.%s.%s.svc.%s", name, pod.Spec.Subdomain, pod.Namespace, h.ClusterDomain)
}

// portMappings are the host ports that the pod asks for. In the host's network
// there is nothing to map.
func portMappings(pod *v1.Pod) []*runtimeapi.PortMapping {
	if pod.Spec.HostNetwork {
		return nil
	}
	protocols := map[v1.Protocol]runtimeapi.Protocol{
		v1.ProtocolUDP: runtimeapi.Protocol_UDP, v1.ProtocolSCTP: runtimeapi.Protocol_SCTP,
	}
	var list []*runtimeapi.PortMapping
	for _, containers := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			for _, p := range containers[i].Ports {
				if p.HostPort > 0 {
					list = append(list, &runtimeapi.PortMapping{
						Protocol: protocols[p.Protocol], ContainerPort: p.ContainerPort,
						HostPort: p.HostPort, HostIp: p.HostIP,
					})
				}
			}
		}
	}
	return list
}

func isTrue(b *bool) bool { return b != nil && *b }
