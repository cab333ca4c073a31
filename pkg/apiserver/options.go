package apiserver

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/api/all"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission"
	"slowmo/pkg/component"
)

// Options are the server's flags, named as kube-apiserver's.
type Options struct {
	DataDir                               string   // of the embedded etcd
	EtcdServers                           []string // of an etcd outside; then DataDir is not used
	EtcdCAFile, EtcdCertFile, EtcdKeyFile string

	BindAddress, AdvertiseAddress string
	SecurePort                    int
	CertDir                       string // where what is not given is made and kept
	TLSCertFile, TLSKeyFile       string

	ClientCAFile, TokenAuthFile string
	BootstrapTokens             bool
	KubeletCertFile             string // what the server shows to kubelets
	KubeletKeyFile              string
	KubeletCAFile               string // of the kubelets' own certificates; empty trusts any
	AuthorizationModes          []string
	EnableAdmission             []string
	DisableAdmission            []string
	AllowPrivileged             bool

	ServiceRange          string   // CIDR
	NodePorts             string   // FROM-TO
	ServiceAccountIssuers []string // the first is that of new tokens
	ServiceAccountKeys    []string
	ServiceAccountSigning string
	MaxTokenExpiration    time.Duration // 0 is no bound
	ExtendTokens          bool
	APIAudiences          []string

	RuntimeConfig map[string]string // "apps/v1" -> "false" is not served

	EventTTL                 time.Duration
	AuditPolicyFile          string
	AuditLogPath             string
	AuditMaxSize             int // megabytes
	AuditMaxBackups          int // files
	AuditMaxAge              int // days
	TracingConfigFile        string
	MaxRequests, MaxMutating int
	Profiling                bool
	ShutdownDelay            time.Duration

	Flags map[string]string // all of them as they were parsed, for people to look at
}

// NewOptions returns the defaults.
func NewOptions() *Options {
	return &Options{
		DataDir:               "/var/lib/slowmo/etcd",
		BindAddress:           "0.0.0.0",
		SecurePort:            6443,
		CertDir:               "/var/run/kubernetes",
		AuthorizationModes:    []string{"Node", "RBAC"},
		ServiceRange:          "10.96.0.0/16",
		NodePorts:             "30000-32767",
		ServiceAccountIssuers: []string{"https://kubernetes.default.svc.cluster.local"},
		ExtendTokens:          true,
		EventTTL:              time.Hour,
		AuditMaxSize:          100,
		MaxRequests:           400,
		MaxMutating:           200,
		Profiling:             true,
	}
}

// AddTo adds the flags.
func (o *Options) AddTo(f *component.Flags) {
	f.StringVar(&o.DataDir, "data-dir", o.DataDir, "directory of the embedded etcd")
	f.StringSliceVar(&o.EtcdServers, "etcd-servers", nil, "URLs of an etcd outside, instead of the embedded one")
	f.StringVar(&o.EtcdCAFile, "etcd-cafile", "", "authority of the etcd servers' certificates")
	f.StringVar(&o.EtcdCertFile, "etcd-certfile", "", "client certificate for etcd")
	f.StringVar(&o.EtcdKeyFile, "etcd-keyfile", "", "its key")

	f.StringVar(&o.BindAddress, "bind-address", o.BindAddress, "address to serve on")
	f.StringVar(&o.AdvertiseAddress, "advertise-address", "", "address at which others reach the server; empty means this host's own")
	f.IntVar(&o.SecurePort, "secure-port", o.SecurePort, "port to serve HTTPS on")
	f.StringVar(&o.CertDir, "cert-dir", o.CertDir, "where certificates, keys and admin.kubeconfig are made if they are not given")
	f.StringVar(&o.TLSCertFile, "tls-cert-file", "", "serving certificate, PEM; made in --cert-dir if not given")
	f.StringVar(&o.TLSKeyFile, "tls-private-key-file", "", "its key, PEM")

	f.StringVar(&o.ClientCAFile, "client-ca-file", "", "authority of client certificates; made in --cert-dir if not given")
	f.StringVar(&o.TokenAuthFile, "token-auth-file", "", `file of lines token,user,uid,"group,group"`)
	f.BoolVar(&o.BootstrapTokens, "enable-bootstrap-token-auth", false, "let new nodes in with the tokens in secrets kube-system/bootstrap-token-*")
	f.StringVar(&o.KubeletCertFile, "kubelet-client-certificate", "", "certificate to show to kubelets; made in --cert-dir if not given")
	f.StringVar(&o.KubeletKeyFile, "kubelet-client-key", "", "its key, PEM")
	f.StringVar(&o.KubeletCAFile, "kubelet-certificate-authority", "", "authority of the kubelets' certificates; empty trusts any")
	f.StringSliceVar(&o.AuthorizationModes, "authorization-mode", o.AuthorizationModes, "authorizers in order: Node, RBAC, AlwaysAllow, AlwaysDeny")
	f.StringSliceVar(&o.EnableAdmission, "enable-admission-plugins", nil, "admission plugins to run beside the default ones")
	f.StringSliceVar(&o.DisableAdmission, "disable-admission-plugins", nil, "default admission plugins not to run")
	f.BoolVar(&o.AllowPrivileged, "allow-privileged", o.AllowPrivileged, "allow privileged containers")

	f.StringVar(&o.ServiceRange, "service-cluster-ip-range", o.ServiceRange, "CIDR of cluster IPs")
	f.StringVar(&o.NodePorts, "service-node-port-range", o.NodePorts, "ports for NodePort services")
	f.StringArrayVar(&o.ServiceAccountIssuers, "service-account-issuer", o.ServiceAccountIssuers, "issuer of service account tokens; may be repeated: the first is that of new tokens, the others' are still good")
	f.StringArrayVar(&o.ServiceAccountKeys, "service-account-key-file", nil, "keys that verify service account tokens, PEM; may be repeated")
	f.StringVar(&o.ServiceAccountSigning, "service-account-signing-key-file", "", "key that signs them; made in --cert-dir if not given")
	f.DurationVar(&o.MaxTokenExpiration, "service-account-max-token-expiration", 0, "longest life that a service account token may be asked for; 0 is no bound")
	f.BoolVar(&o.ExtendTokens, "service-account-extend-token-expiration", o.ExtendTokens, "let the tokens of pods' own volumes live for a year, for clients that never read them again")
	f.StringSliceVar(&o.APIAudiences, "api-audiences", nil, "audiences of tokens for this server; empty means the issuer")

	f.StringToStringVar(&o.RuntimeConfig, "runtime-config", nil, "group versions to serve or not: apps/v1=false; api/all=true is what is done anyway")
	f.DurationVar(&o.EventTTL, "event-ttl", o.EventTTL, "how long events are kept")
	f.StringVar(&o.AuditPolicyFile, "audit-policy-file", "", "what is written to the audit log, a Policy of audit.k8s.io/v1; without it every request is, at level Metadata")
	f.StringVar(&o.AuditLogPath, "audit-log-path", "", "audit log file; - is standard output, empty writes none")
	f.IntVar(&o.AuditMaxSize, "audit-log-maxsize", o.AuditMaxSize, "megabytes at which a new audit log file is begun")
	f.IntVar(&o.AuditMaxBackups, "audit-log-maxbackup", 0, "old audit log files that are kept; 0 is all")
	f.IntVar(&o.AuditMaxAge, "audit-log-maxage", 0, "days for which old audit log files are kept; 0 is for ever")
	f.StringVar(&o.TracingConfigFile, "tracing-config-file", "", "to which collector spans of requests are sent, and of how many, a TracingConfiguration of apiserver.config.k8s.io/v1; without it none are")
	f.IntVar(&o.MaxRequests, "max-requests-inflight", o.MaxRequests, "requests at once, together with --max-mutating-requests-inflight, shared fairly between users; 0 for both is no limit")
	f.IntVar(&o.MaxMutating, "max-mutating-requests-inflight", o.MaxMutating, "added to --max-requests-inflight")
	f.BoolVar(&o.Profiling, "profiling", o.Profiling, "serve /debug/pprof")
	f.DurationVar(&o.ShutdownDelay, "shutdown-delay-duration", 0, "how long to serve on after the end was asked for, not ready")
}

// Validate says what cannot be used, and how to mend it.
func (o *Options) Validate() error {
	if o.SecurePort < 1 || o.SecurePort > 65535 {
		return component.Usagef("--secure-port %d is no port: give one of 1-65535", o.SecurePort)
	}
	if (o.TLSCertFile == "") != (o.TLSKeyFile == "") {
		return component.Usagef("--tls-cert-file and --tls-private-key-file go together: give both or none")
	}
	if _, err := o.serviceRanges(); err != nil {
		return err
	}
	if _, _, err := o.nodePorts(); err != nil {
		return err
	}
	for _, mode := range o.AuthorizationModes {
		switch mode {
		case "Node", "RBAC", "AlwaysAllow", "AlwaysDeny":
		default:
			return component.Usagef("--authorization-mode %q is not known: use Node, RBAC, AlwaysAllow or AlwaysDeny", mode)
		}
	}
	if err := o.validateRuntimeConfig(); err != nil {
		return err
	}
	if err := admission.Check(o.EnableAdmission, o.DisableAdmission); err != nil {
		return component.Usagef("--%w", err)
	}
	if (o.KubeletCertFile == "") != (o.KubeletKeyFile == "") {
		return component.Usagef("--kubelet-client-certificate and --kubelet-client-key go together: give both or none")
	}
	if o.AuditMaxSize < 0 || o.AuditMaxBackups < 0 || o.AuditMaxAge < 0 {
		return component.Usagef("--audit-log-maxsize, --audit-log-maxbackup and --audit-log-maxage are at least 0")
	}
	if o.MaxRequests < 0 || o.MaxMutating < 0 {
		return component.Usagef("--max-requests-inflight and --max-mutating-requests-inflight are at least 0")
	}
	for flag, file := range map[string]string{"client-ca-file": o.ClientCAFile, "token-auth-file": o.TokenAuthFile,
		"tls-cert-file": o.TLSCertFile, "tls-private-key-file": o.TLSKeyFile} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return component.Usagef("--%s: %w", flag, err)
		}
	}
	if len(o.ServiceAccountIssuers) == 0 {
		return component.Usagef("--service-account-issuer is empty: give one, or leave it out")
	}
	if life := o.MaxTokenExpiration; life != 0 && (life < time.Hour || life > 1<<32*time.Second) {
		return component.Usagef("--service-account-max-token-expiration %s: give a duration between 1 hour and 2^32 seconds", life)
	}
	if o.EventTTL <= 0 {
		return component.Usagef("--event-ttl %s: give a duration above zero", o.EventTTL)
	}
	return nil
}

func (o *Options) validateRuntimeConfig() error {
	known := map[string]bool{"api/all": true}
	for _, r := range all.Resources() {
		for _, v := range r.Served() {
			known[schema.GroupVersion{Group: v.Group, Version: v.Version}.String()] = true
		}
	}
	for version, value := range o.RuntimeConfig {
		if !known[version] || value != "true" && value != "false" || version == "api/all" && value == "false" {
			return component.Usagef("--runtime-config %s=%s: give a group version that is served, and true or false", version, value)
		}
	}
	return nil
}

// stored is the list of what is kept, with what the flags change of it.
func (o *Options) stored() []*api.Resource {
	resources := slices.Clone(all.Resources())
	for i, r := range resources {
		changed := *r
		if r == core.Event {
			changed.TTL = func(api.Object) time.Duration { return o.EventTTL }
		}
		// What is not served at all stays as it is, for the server uses it itself.
		if left := o.left(r); left > 0 && left < len(r.Served()) {
			o.hide(&changed)
		} else if r != core.Event {
			continue
		}
		resources[i] = &changed
	}
	return resources
}

// hide leaves the versions that are off in the store alone.
func (o *Options) hide(r *api.Resource) {
	r.Hidden = o.off(r.Group, r.Version)
	r.Versions = slices.Clone(r.Versions)
	for i := range r.Versions {
		v := &r.Versions[i]
		v.Hidden = v.Hidden || o.off(v.Group, v.Version)
	}
}

// served is what of the stored resources --runtime-config leaves.
func (o *Options) served(stored []*api.Resource) []*api.Resource {
	return slices.DeleteFunc(slices.Clone(stored), func(r *api.Resource) bool { return o.left(r) == 0 })
}

// left is how many versions of r --runtime-config leaves.
func (o *Options) left(r *api.Resource) (n int) {
	for _, v := range r.Served() {
		if !o.off(v.Group, v.Version) {
			n++
		}
	}
	return n
}

func (o *Options) off(group, version string) bool {
	return o.RuntimeConfig[schema.GroupVersion{Group: group, Version: version}.String()] == "false"
}

// serviceRanges are the ranges of cluster IPs: one, or one of each family.
func (o *Options) serviceRanges() (ranges []netip.Prefix, err error) {
	for _, text := range strings.Split(o.ServiceRange, ",") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, component.Usagef("--service-cluster-ip-range %q is no CIDR: give one like 10.96.0.0/16", text)
		}
		ranges = append(ranges, prefix.Masked())
	}
	return ranges, nil
}

func (o *Options) nodePorts() (first, last int, err error) {
	from, to, _ := strings.Cut(o.NodePorts, "-")
	first, err = strconv.Atoi(from)
	if err == nil {
		last, err = strconv.Atoi(to)
	}
	if err != nil || first < 1 || last > 65535 || first > last {
		return 0, 0, component.Usagef("--service-node-port-range %q is no range: give one like 30000-32767", o.NodePorts)
	}
	return first, last, nil
}

// advertised returns the address that others are told, and that the service
// "kubernetes" leads to.
func (o *Options) advertised() (netip.Addr, error) {
	if o.AdvertiseAddress != "" {
		addr, err := netip.ParseAddr(o.AdvertiseAddress)
		if err != nil {
			return addr, component.Usagef("--advertise-address %q is no IP address", o.AdvertiseAddress)
		}
		return addr, nil
	}
	if addr, err := netip.ParseAddr(o.BindAddress); err == nil && !addr.IsUnspecified() {
		return addr, nil
	}
	// No packet is sent: the kernel says from where it would.
	if conn, err := net.Dial("udp", "192.0.2.1:9"); err == nil {
		defer conn.Close()
		return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr(), nil
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
}

// inCertDir returns the path of a file that is made if it is not given.
func (o *Options) inCertDir(name string) string { return filepath.Join(o.CertDir, name) }

func (o *Options) listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(o.BindAddress, fmt.Sprint(o.SecurePort)))
	if err != nil {
		return nil, fmt.Errorf("cannot serve on port %d: %w; give another by --secure-port", o.SecurePort, err)
	}
	return listener, nil
}
