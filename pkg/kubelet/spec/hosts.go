package spec

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// HostsFile is the pod's /etc/hosts. hostContent is the host's own, which pods
// in the host's network get.
// https://kubernetes.io/docs/tasks/network/customize-hosts-file-for-pods/
func (h *Host) HostsFile(pod *v1.Pod, hostContent string, podIPs []string) (string, error) {
	var b strings.Builder
	if pod.Spec.HostNetwork {
		b.WriteString("# Kubernetes-managed hosts file (host network).\n")
		b.WriteString(hostContent)
	} else {
		b.WriteString("# Kubernetes-managed hosts file.\n")
		b.WriteString("127.0.0.1\tlocalhost\n")
		b.WriteString("::1\tlocalhost ip6-localhost ip6-loopback\n")
		b.WriteString("fe00::0\tip6-localnet\n")
		b.WriteString("fe00::0\tip6-mcastprefix\n")
		b.WriteString("fe00::1\tip6-allnodes\n")
		b.WriteString("fe00::2\tip6-allrouters\n")
		name, err := h.Hostname(pod)
		if err != nil {
			return "", err
		}
		short, _, _ := strings.Cut(name, ".")
		for _, ip := range podIPs {
			if domain := h.domainOf(pod, short); domain != short {
				fmt.Fprintf(&b, "%s\t%s\t%s\n", ip, domain, short)
			} else {
				fmt.Fprintf(&b, "%s\t%s\n", ip, name)
			}
		}
	}
	if len(pod.Spec.HostAliases) > 0 {
		b.WriteString("\n# Entries added by HostAliases.\n")
		for _, alias := range pod.Spec.HostAliases {
			fmt.Fprintf(&b, "%s\t%s\n", alias.IP, strings.Join(alias.Hostnames, "\t"))
		}
	}
	return b.String(), nil
}
