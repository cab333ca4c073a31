package kubelet

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"slowmo/pkg/component"
	"slowmo/pkg/kubelet/cgroup"
)

// Config is all that can be set about a kubelet. NewConfig has the defaults,
// which are upstream's; AddTo makes it flags; a --config file sets what no flag
// sets; Validate names what cannot be.
type Config struct {
	NodeName            string // --hostname-override
	NodeIPs             []string
	NodeLabels          map[string]string
	Taints              []string // KEY=VALUE:EFFECT
	RootDir             string
	BootstrapKubeconfig string
	ConfigFile          string

	Runtime         string // "remote", or "fake" for nodes without containers
	RuntimeEndpoint string
	FakeNodes       int // how many nodes a fake kubelet is

	Address, HealthzAddress string
	Port, HealthzPort       int // HealthzPort 0 turns it off
	CertFile, KeyFile       string
	CertDir                 string // empty: pki below RootDir
	ClientCAFile            string

	ClusterDNS    []string
	ClusterDomain string
	ResolvConf    string
	MaxPods       int
	PodCIDR       string // used if the Node is given none
	CgroupDriver  string // empty: ask the runtime, else cgroupfs
	CgroupRoot    string

	PodLogsDir    string
	ContainerLogs string
	LogMaxSize    int64 // bytes
	LogMaxFiles   int
	ImageGCHigh   int // per cent
	ImageGCLow    int
	CNIConfDir    string // empty: the pod network is not ours to configure
	Bridge        string
}

// NewConfig has the defaults.
func NewConfig() *Config {
	return &Config{
		RootDir: "/var/lib/kubelet", Runtime: "remote", FakeNodes: 1,
		RuntimeEndpoint: "unix:///run/containerd/containerd.sock",
		Address:         "0.0.0.0", Port: 10250, HealthzAddress: "127.0.0.1", HealthzPort: 10248,
		ClusterDomain: "cluster.local", ResolvConf: "/etc/resolv.conf", MaxPods: 110,
		CgroupRoot: "/sys/fs/cgroup",
		PodLogsDir: "/var/log/pods", ContainerLogs: "/var/log/containers",
		LogMaxSize: 10 << 20, LogMaxFiles: 5, ImageGCHigh: 85, ImageGCLow: 80,
		CNIConfDir: "/etc/cni/net.d", Bridge: "cni0",
	}
}

// AddTo adds the flags.
func (c *Config) AddTo(f *component.Flags) {
	f.StringVar(&c.NodeName, "hostname-override", c.NodeName, "the node's name; empty means the host's name")
	f.StringSliceVar(&c.NodeIPs, "node-ip", c.NodeIPs, "the node's address, or one of each family; empty means that of the default route")
	f.StringToStringVar(&c.NodeLabels, "node-labels", c.NodeLabels, "labels of the Node, KEY=VALUE,...")
	f.StringSliceVar(&c.Taints, "register-with-taints", c.Taints, "taints of the Node when it is first registered, KEY=VALUE:EFFECT,...")
	f.StringVar(&c.RootDir, "root-dir", c.RootDir, "where the kubelet keeps pods' volumes and its own files")
	f.StringVar(&c.BootstrapKubeconfig, "bootstrap-kubeconfig", c.BootstrapKubeconfig, "kubeconfig to ask for a client certificate with, if the file of --kubeconfig does not exist; the answer is written there")
	f.StringVar(&c.ConfigFile, "config", c.ConfigFile, "file with a KubeletConfiguration (kubelet.config.k8s.io/v1beta1); flags win over it")
	f.StringVar(&c.Runtime, "runtime", c.Runtime, "remote: the container runtime at --container-runtime-endpoint; fake: no containers, for tests of scale")
	f.IntVar(&c.FakeNodes, "fake-nodes", c.FakeNodes, "with --runtime=fake: how many nodes to be; more than one are named NAME-0, NAME-1, ...")
	f.StringVar(&c.RuntimeEndpoint, "container-runtime-endpoint", c.RuntimeEndpoint, "CRI socket of the container runtime")
	f.StringVar(&c.Address, "address", c.Address, "address to serve on")
	f.IntVar(&c.Port, "port", c.Port, "port to serve HTTPS on")
	f.StringVar(&c.HealthzAddress, "healthz-bind-address", c.HealthzAddress, "address of the health endpoint")
	f.IntVar(&c.HealthzPort, "healthz-port", c.HealthzPort, "port of the health endpoint, plain HTTP; 0 serves none")
	f.StringVar(&c.CertFile, "tls-cert-file", c.CertFile, "serving certificate, PEM; without it one is made in --cert-dir")
	f.StringVar(&c.KeyFile, "tls-private-key-file", c.KeyFile, "its key, PEM")
	f.StringVar(&c.CertDir, "cert-dir", c.CertDir, "where a made certificate is kept; empty means pki below --root-dir")
	f.StringVar(&c.ClientCAFile, "client-ca-file", c.ClientCAFile, "clients with a certificate of this authority are who it says; empty asks the cluster for it")
	f.StringSliceVar(&c.ClusterDNS, "cluster-dns", c.ClusterDNS, "addresses of the cluster's DNS, for pods' resolv.conf")
	f.StringVar(&c.ClusterDomain, "cluster-domain", c.ClusterDomain, "the cluster's DNS domain")
	f.StringVar(&c.ResolvConf, "resolv-conf", c.ResolvConf, "resolv.conf for pods with the host's DNS")
	f.IntVar(&c.MaxPods, "max-pods", c.MaxPods, "pods that can run here")
	f.StringVar(&c.PodCIDR, "pod-cidr", c.PodCIDR, "addresses of pods, if nobody gives the Node a pod CIDR")
	f.StringVar(&c.CgroupDriver, "cgroup-driver", c.CgroupDriver, "cgroupfs or systemd, as the container runtime has it; empty asks it, or means cgroupfs")
	f.StringVar(&c.PodLogsDir, "pod-logs-dir", c.PodLogsDir, "where the logs of pods are")
	f.StringVar(&c.ContainerLogs, "container-logs-dir", c.ContainerLogs, "where to link to each container's log; empty makes no links")
	f.StringVar(&c.CNIConfDir, "cni-conf-dir", c.CNIConfDir, "where to write the pod network's CNI configuration; empty leaves it to others")
	f.StringVar(&c.Bridge, "slowmo-bridge", c.Bridge, "name of the bridge that pods attach to")
}

// Validate reports the first thing that cannot be, and how to mend it.
func (c *Config) Validate() error {
	switch {
	case c.Runtime != "remote" && c.Runtime != "fake":
		return component.Usagef("--runtime=%q: use remote or fake", c.Runtime)
	case c.FakeNodes < 1:
		return component.Usagef("--fake-nodes=%d: give 1 or more", c.FakeNodes)
	case c.FakeNodes > 1 && c.Runtime != "fake":
		return component.Usagef("--fake-nodes=%d needs --runtime=fake: a real kubelet is one node", c.FakeNodes)
	case !filepath.IsAbs(c.RootDir):
		return component.Usagef("--root-dir=%q: give an absolute path", c.RootDir)
	case c.MaxPods < 1:
		return component.Usagef("--max-pods=%d: give 1 or more", c.MaxPods)
	case c.ImageGCLow >= c.ImageGCHigh:
		return component.Usagef("imageGCLowThresholdPercent %d must be less than imageGCHighThresholdPercent %d", c.ImageGCLow, c.ImageGCHigh)
	case c.LogMaxFiles < 2:
		return component.Usagef("containerLogMaxFiles %d: give 2 or more", c.LogMaxFiles)
	case c.CgroupDriver != "" && c.CgroupDriver != string(cgroup.Cgroupfs) && c.CgroupDriver != string(cgroup.Systemd):
		return component.Usagef("--cgroup-driver=%q: use cgroupfs or systemd", c.CgroupDriver)
	case c.CNIConfDir != "" && (c.Bridge == "" || len(c.Bridge) > 15):
		return component.Usagef("--slowmo-bridge=%q: give a name of 1 to 15 characters", c.Bridge)
	}
	for _, ip := range append(append([]string(nil), c.NodeIPs...), c.ClusterDNS...) {
		if _, err := netip.ParseAddr(ip); err != nil {
			return component.Usagef("--node-ip, --cluster-dns: %q is not an IP address", ip)
		}
	}
	if c.PodCIDR != "" {
		if _, err := netip.ParsePrefix(c.PodCIDR); err != nil {
			return component.Usagef("--pod-cidr: %w", err)
		}
	}
	if problems := validation.IsDNS1123Subdomain(c.NodeName); c.NodeName != "" && len(problems) > 0 {
		return component.Usagef("--hostname-override=%q: %s", c.NodeName, problems[0])
	}
	_, err := parseTaints(c.Taints)
	return err
}

// complete fills in what is left to be found out.
func (c *Config) complete() error {
	if c.NodeName == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("host name: %w; give --hostname-override", err)
		}
		c.NodeName = strings.ToLower(strings.TrimSpace(name))
	}
	if c.CertDir == "" {
		c.CertDir = filepath.Join(c.RootDir, "pki")
	}
	return nil
}

// parseTaints reads KEY=VALUE:EFFECT.
func parseTaints(list []string) ([]v1.Taint, error) {
	var taints []v1.Taint
	for _, text := range list {
		key, effect, ok := strings.Cut(text, ":")
		key, value, _ := strings.Cut(key, "=")
		switch e := v1.TaintEffect(effect); {
		case !ok || key == "", e != v1.TaintEffectNoSchedule && e != v1.TaintEffectPreferNoSchedule && e != v1.TaintEffectNoExecute:
			return nil, component.Usagef("--register-with-taints: %q is not KEY=VALUE:EFFECT with effect NoSchedule, PreferNoSchedule or NoExecute", text)
		default:
			taints = append(taints, v1.Taint{Key: key, Value: value, Effect: e})
		}
	}
	return taints, nil
}

// Relist intervals: with the runtime's events as a backup, and without.
const (
	relistWithEvents    = 10 * time.Second
	relistWithoutEvents = time.Second
)
