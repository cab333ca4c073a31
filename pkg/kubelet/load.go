package kubelet

import (
	"strings"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"slowmo/pkg/component"
)

// file is the part of upstream's KubeletConfiguration that this kubelet knows.
// https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
type file struct {
	APIVersion               string     `json:"apiVersion"`
	Kind                     string     `json:"kind"`
	Address                  string     `json:"address"`
	Port                     int        `json:"port"`
	HealthzBindAddress       string     `json:"healthzBindAddress"`
	HealthzPort              *int       `json:"healthzPort"`
	TLSCertFile              string     `json:"tlsCertFile"`
	TLSPrivateKeyFile        string     `json:"tlsPrivateKeyFile"`
	ClusterDNS               []string   `json:"clusterDNS"`
	ClusterDomain            string     `json:"clusterDomain"`
	ResolvConf               *string    `json:"resolvConf"`
	MaxPods                  int        `json:"maxPods"`
	PodCIDR                  string     `json:"podCIDR"`
	CgroupDriver             string     `json:"cgroupDriver"`
	ContainerRuntimeEndpoint string     `json:"containerRuntimeEndpoint"`
	ContainerLogMaxSize      string     `json:"containerLogMaxSize"`
	ContainerLogMaxFiles     int        `json:"containerLogMaxFiles"`
	ImageGCHigh              int        `json:"imageGCHighThresholdPercent"`
	ImageGCLow               int        `json:"imageGCLowThresholdPercent"`
	PodLogsDir               string     `json:"podLogsDir"`
	RegisterWithTaints       []v1.Taint `json:"registerWithTaints"`
	Authentication           struct {
		X509 struct {
			ClientCAFile string `json:"clientCAFile"`
		} `json:"x509"`
		Anonymous struct {
			Enabled bool `json:"enabled"`
		} `json:"anonymous"`
		Webhook struct {
			Enabled *bool `json:"enabled"`
		} `json:"webhook"`
	} `json:"authentication"`
	Authorization struct {
		Mode string `json:"mode"`
	} `json:"authorization"`
	FailSwapOn *bool `json:"failSwapOn"`
}

// load reads the --config file. It sets what no flag has set. A field that is
// not known is an error: nothing in it is silently ignored.
func (c *Config) load(flags *pflag.FlagSet) error {
	if c.ConfigFile == "" {
		return nil
	}
	var f file
	if err := component.ReadConfig(c.ConfigFile, "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration", "the fields that this kubelet has flags for", &f); err != nil {
		return component.Usagef("--config: %w", err)
	}
	switch {
	case f.Authentication.Anonymous.Enabled:
		return component.Usagef("--config %s: authentication.anonymous.enabled: true is not supported; remove it", c.ConfigFile)
	case f.Authentication.Webhook.Enabled != nil && !*f.Authentication.Webhook.Enabled:
		return component.Usagef("--config %s: authentication.webhook.enabled: false is not supported; remove it", c.ConfigFile)
	case f.Authorization.Mode != "" && f.Authorization.Mode != "Webhook":
		return component.Usagef("--config %s: authorization.mode %q is not supported; use Webhook", c.ConfigFile, f.Authorization.Mode)
	}
	return c.apply(&f, flags)
}

// apply takes over the fields that are set and whose flag is not.
func (c *Config) apply(f *file, flags *pflag.FlagSet) error {
	text := func(flag string, to *string, from string) {
		if from != "" && !flags.Changed(flag) {
			*to = from
		}
	}
	number := func(flag string, to *int, from int) {
		if from != 0 && !flags.Changed(flag) {
			*to = from
		}
	}
	text("address", &c.Address, f.Address)
	number("port", &c.Port, f.Port)
	text("healthz-bind-address", &c.HealthzAddress, f.HealthzBindAddress)
	if f.HealthzPort != nil && !flags.Changed("healthz-port") {
		c.HealthzPort = *f.HealthzPort
	}
	text("tls-cert-file", &c.CertFile, f.TLSCertFile)
	text("tls-private-key-file", &c.KeyFile, f.TLSPrivateKeyFile)
	text("client-ca-file", &c.ClientCAFile, f.Authentication.X509.ClientCAFile)
	text("cluster-domain", &c.ClusterDomain, f.ClusterDomain)
	if len(f.ClusterDNS) > 0 && !flags.Changed("cluster-dns") {
		c.ClusterDNS = f.ClusterDNS
	}
	if f.ResolvConf != nil && !flags.Changed("resolv-conf") {
		c.ResolvConf = *f.ResolvConf
	}
	number("max-pods", &c.MaxPods, f.MaxPods)
	text("pod-cidr", &c.PodCIDR, f.PodCIDR)
	text("cgroup-driver", &c.CgroupDriver, f.CgroupDriver)
	text("container-runtime-endpoint", &c.RuntimeEndpoint, f.ContainerRuntimeEndpoint)
	text("pod-logs-dir", &c.PodLogsDir, f.PodLogsDir)
	number("", &c.LogMaxFiles, f.ContainerLogMaxFiles)
	number("", &c.ImageGCHigh, f.ImageGCHigh)
	number("", &c.ImageGCLow, f.ImageGCLow)
	if f.ContainerLogMaxSize != "" {
		size, err := resource.ParseQuantity(f.ContainerLogMaxSize)
		if err != nil || size.Value() <= 0 {
			return component.Usagef("--config %s: containerLogMaxSize %q is not a size such as 10Mi", c.ConfigFile, f.ContainerLogMaxSize)
		}
		c.LogMaxSize = size.Value()
	}
	if len(f.RegisterWithTaints) > 0 && !flags.Changed("register-with-taints") {
		for _, t := range f.RegisterWithTaints {
			c.Taints = append(c.Taints, strings.TrimSuffix(t.Key+"="+t.Value, "=")+":"+string(t.Effect))
		}
	}
	return nil
}
