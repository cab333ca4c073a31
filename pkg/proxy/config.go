package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	nodeutil "k8s.io/component-helpers/node/util"

	"slowmo/pkg/component"
)

// Config is what can be set. NewConfig has upstream's defaults, except for the mode, of which
// there is one.
type Config struct {
	Mode string // "nftables"
	// NodeName is our node's; "" means the host name.
	NodeName string
	// PodRanges are what pods have their addresses from, one a family at least. Without any, pod
	// traffic that leaves the cluster is not masqueraded.
	PodRanges []netip.Prefix
	// ExternalIPs are the ranges that Services may name external addresses of.
	ExternalIPs []netip.Prefix
	// SyncPeriod is how often it is checked that nobody else changed the rules.
	SyncPeriod time.Duration

	HealthAddress, MetricsAddress string // host:port; "" serves nothing
	Kubeconfig                    string
}

// NewConfig returns the defaults.
func NewConfig() Config {
	return Config{Mode: mode, SyncPeriod: 30 * time.Second, HealthAddress: "0.0.0.0:10256", MetricsAddress: "127.0.0.1:10249"}
}

// mode is the only one there is.
const mode = "nftables"

// Complete fills in what depends on the machine, and says what cannot work.
func (c *Config) Complete() error {
	if c.Mode != mode {
		return fmt.Errorf("--proxy-mode=%s is not supported; this proxy writes nftables rules: use --proxy-mode=%s", c.Mode, mode)
	}
	if c.SyncPeriod <= 0 {
		return fmt.Errorf("nftables.syncPeriod must be greater than 0, it is %v", c.SyncPeriod)
	}
	name, err := nodeutil.GetHostname(c.NodeName)
	if err != nil {
		return fmt.Errorf("finding the node's name: %w; give it by --hostname-override", err)
	}
	c.NodeName = name
	return nil
}

// file is the part of KubeProxyConfiguration that has a meaning here
// (https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/).
type file struct {
	metav1.TypeMeta `json:",inline"`

	Mode               string `json:"mode"`
	ClusterCIDR        string `json:"clusterCIDR"`
	HostnameOverride   string `json:"hostnameOverride"`
	HealthzBindAddress string `json:"healthzBindAddress"`
	MetricsBindAddress string `json:"metricsBindAddress"`
	ClientConnection   struct {
		Kubeconfig string `json:"kubeconfig"`
	} `json:"clientConnection"`
	NFTables struct {
		SyncPeriod metav1.Duration `json:"syncPeriod"`
	} `json:"nftables"`
}

// Load overlays a KubeProxyConfiguration file. A field that is not supported is an error that names
// it.
func (c *Config) Load(path string) error {
	var f file
	err := component.ReadConfig(path, "kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration",
		"mode, clusterCIDR, hostnameOverride, healthzBindAddress, metricsBindAddress, clientConnection.kubeconfig and nftables.syncPeriod", &f)
	if err != nil {
		return err
	}
	if f.ClusterCIDR != "" {
		if c.PodRanges, err = parseRanges(f.ClusterCIDR); err != nil {
			return fmt.Errorf("%s: clusterCIDR: %w", path, err)
		}
	}
	for to, from := range map[*string]string{&c.Mode: f.Mode, &c.NodeName: f.HostnameOverride, &c.HealthAddress: f.HealthzBindAddress,
		&c.MetricsAddress: f.MetricsBindAddress, &c.Kubeconfig: f.ClientConnection.Kubeconfig} {
		if from != "" {
			*to = from
		}
	}
	if p := f.NFTables.SyncPeriod.Duration; p != 0 {
		c.SyncPeriod = p
	}
	return nil
}

// parseRanges reads "10.244.0.0/16,fd00::/56"; "" is none.
func parseRanges(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a range of addresses such as 10.244.0.0/16", part)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// settings are those of each family that the cluster uses: IPv4, and IPv6 where pods have such
// addresses.
func (c *Config) settings() []*settings {
	var list []*settings
	for _, f := range []family{ipv4, ipv6} {
		s := &settings{family: f, node: c.NodeName}
		for _, p := range c.PodRanges {
			if f.hasPrefix(p) {
				s.pods = append(s.pods, p)
			}
		}
		for _, p := range c.ExternalIPs {
			if f.hasPrefix(p) {
				s.externalIPs = append(s.externalIPs, p)
			}
		}
		if f.table == ipv4.table || len(s.pods) > 0 {
			list = append(list, s)
		}
	}
	return list
}
