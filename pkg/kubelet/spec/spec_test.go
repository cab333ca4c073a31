package spec

import (
	"context"
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/kubelet/cgroup"
	"slowmo/pkg/kubelet/downward"
	"slowmo/pkg/kubelet/objects"
)

func host(t *testing.T) *Host {
	t.Helper()
	cgroups, err := cgroup.New("", cgroup.Cgroupfs)
	if err != nil {
		t.Fatal(err)
	}
	return &Host{
		PodLogs: "/var/log/pods", ClusterDNS: []string{"10.96.0.10"}, ClusterDomain: "cluster.local",
		Resolver: Resolver{Servers: []string{"1.1.1.1"}, Searches: []string{"example.com"}},
		Cgroups:  cgroups, SeccompDir: "/var/lib/kubelet/seccomp",
	}
}

func newPod(change ...func(*v1.Pod)) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u", Labels: map[string]string{"app": "x"}}}
	pod.Spec.DNSPolicy = v1.DNSClusterFirst
	pod.Spec.ServiceAccountName = "sa"
	pod.Spec.Containers = []v1.Container{{Name: "c", Image: "img"}}
	for _, c := range change {
		c(pod)
	}
	return pod
}

func TestExpand(t *testing.T) {
	lookup := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "1", "B": "$(A)", "EMPTY": ""}[name]
		return v, ok
	}
	for in, want := range map[string]string{
		"":                    "",
		"plain":               "plain",
		"$(A)":                "1",
		"x$(A)y$(A)":          "x1y1",
		"$(B)":                "$(A)", // not expanded twice
		"$(EMPTY)":            "",
		"$(NO)":               "$(NO)",
		"$$(A)":               "$(A)",
		"$$$(A)":              "$1",
		"$":                   "$",
		"$$":                  "$",
		"$(A":                 "$(A",
		"$()":                 "$()",
		"$A":                  "$A",
		"cost: 5$ or $(A)00$": "cost: 5$ or 100$",
	} {
		if got := Expand(in, lookup); got != want {
			t.Errorf("Expand(%q) = %q, want %q", in, got, want)
		}
	}
}

// store has one ConfigMap and one Secret, both named "o".
type store struct{}

func (store) Hold(types.UID, []objects.Ref, func(cause.Ref)) {}
func (store) Release(types.UID)                              {}
func (store) ConfigMap(_ context.Context, _, name string) (*v1.ConfigMap, error) {
	if name == "o" {
		return &v1.ConfigMap{Data: map[string]string{"k": "cm", "with space": "ok", "=": "bad"}}, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmap"}, name)
}
func (store) Secret(_ context.Context, _, name string) (*v1.Secret, error) {
	if name == "o" {
		return &v1.Secret{Data: map[string][]byte{"k": []byte("secret")}}, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secret"}, name)
}

func service(namespace, name, ip string, ports ...v1.ServicePort) *v1.Service {
	return &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1.ServiceSpec{ClusterIP: ip, Ports: ports}}
}

func env(t *testing.T, pod *v1.Pod, c *v1.Container) (string, error) {
	t.Helper()
	kvs, err := Env(t.Context(), pod, c, EnvSource{
		Objects: store{},
		Services: []*v1.Service{
			service("default", "kubernetes", "10.96.0.1", v1.ServicePort{Name: "https", Port: 443, Protocol: v1.ProtocolTCP}),
			service("ns", "my-db", "10.96.0.7", v1.ServicePort{Port: 5432, Protocol: v1.ProtocolTCP}),
			service("ns", "headless", v1.ClusterIPNone, v1.ServicePort{Port: 1}),
			service("other", "elsewhere", "10.96.0.9", v1.ServicePort{Port: 1}),
		},
		Node:        downward.Node{Name: "node1", HostIPs: []string{"192.0.2.2"}, PodIPs: []string{"10.0.0.1"}},
		Allocatable: v1.ResourceList{v1.ResourceMemory: resource.MustParse("4Gi")},
	})
	var list []string
	for _, kv := range kvs {
		if !strings.HasPrefix(kv.Key, "KUBERNETES_") && !strings.HasPrefix(kv.Key, "MY_DB_") || len(c.Env)+len(c.EnvFrom) == 0 {
			list = append(list, kv.Key+"="+string(kv.Value))
		}
	}
	return strings.Join(list, " "), err
}

func TestEnv(t *testing.T) {
	yes := true
	field := func(path string) *v1.EnvVarSource {
		return &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: path}}
	}
	ref := v1.LocalObjectReference{Name: "o"}
	no := v1.LocalObjectReference{Name: "no"}
	for _, c := range []struct {
		name string
		c    v1.Container
		want string
		err  string
	}{
		{"values refer to earlier ones", v1.Container{Env: []v1.EnvVar{{Name: "B", Value: "1"}, {Name: "A", Value: "$(B)$(C)"}, {Name: "C", Value: "3"}}}, "B=1 A=1$(C) C=3", ""},
		{"to Services", v1.Container{Env: []v1.EnvVar{{Name: "A", Value: "$(MY_DB_PORT)"}}}, "A=tcp://10.96.0.7:5432", ""},
		{"fields", v1.Container{Env: []v1.EnvVar{
			{Name: "A", ValueFrom: field("metadata.name")}, {Name: "B", ValueFrom: field("status.podIP")}, {Name: "C", ValueFrom: field("spec.nodeName")},
			{Name: "D", ValueFrom: field("metadata.labels['app']")}, {Name: "E", ValueFrom: field("status.hostIP")}, {Name: "F", ValueFrom: field("spec.serviceAccountName")},
		}}, "A=p B=10.0.0.1 C=node1 D=x E=192.0.2.2 F=sa", ""},
		{"unknown field", v1.Container{Env: []v1.EnvVar{{Name: "A", ValueFrom: field("spec.nonsense")}}}, "", "unsupported fieldPath: spec.nonsense"},
		{"resources", v1.Container{Name: "c", Env: []v1.EnvVar{
			{Name: "A", ValueFrom: &v1.EnvVarSource{ResourceFieldRef: &v1.ResourceFieldSelector{Resource: "limits.memory", Divisor: resource.MustParse("1Mi")}}},
		}}, "A=4096", ""},
		{"keys", v1.Container{Env: []v1.EnvVar{
			{Name: "A", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: ref, Key: "k"}}},
			{Name: "B", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: ref, Key: "k"}}},
			{Name: "C", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: no, Key: "k", Optional: &yes}}},
		}}, "A=cm B=secret", ""},
		{"missing key", v1.Container{Env: []v1.EnvVar{
			{Name: "A", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: ref, Key: "z"}}},
		}}, "", "couldn't find key z in ConfigMap ns/o"},
		{"missing object", v1.Container{Env: []v1.EnvVar{
			{Name: "A", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: no, Key: "z"}}},
		}}, "", `secret "no" not found`},
		{"whole objects; env wins", v1.Container{
			EnvFrom: []v1.EnvFromSource{{Prefix: "P_", ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: ref}}, {SecretRef: &v1.SecretEnvSource{LocalObjectReference: ref}}},
			Env:     []v1.EnvVar{{Name: "k", Value: "mine"}},
		}, "k=mine P_k=cm P_with space=ok", ""},
		{"missing whole object", v1.Container{EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: no}}}}, "", `configmap "no" not found`},
		{"optional whole object", v1.Container{EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: no, Optional: &yes}}}}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := newPod(func(p *v1.Pod) { p.Spec.Containers = []v1.Container{c.c} })
			got, err := env(t, pod, &c.c)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestServiceLinks(t *testing.T) {
	want := "KUBERNETES_PORT=tcp://10.96.0.1:443 KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443 KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1 " +
		"KUBERNETES_PORT_443_TCP_PORT=443 KUBERNETES_PORT_443_TCP_PROTO=tcp KUBERNETES_SERVICE_HOST=10.96.0.1 " +
		"KUBERNETES_SERVICE_PORT=443 KUBERNETES_SERVICE_PORT_HTTPS=443"
	db := " MY_DB_PORT=tcp://10.96.0.7:5432 MY_DB_PORT_5432_TCP=tcp://10.96.0.7:5432 MY_DB_PORT_5432_TCP_ADDR=10.96.0.7 " +
		"MY_DB_PORT_5432_TCP_PORT=5432 MY_DB_PORT_5432_TCP_PROTO=tcp MY_DB_SERVICE_HOST=10.96.0.7 MY_DB_SERVICE_PORT=5432"
	pod := newPod()
	if got, err := env(t, pod, &v1.Container{}); err != nil || got != want+db {
		t.Errorf("got %s, %v", got, err)
	}
	no := false
	pod.Spec.EnableServiceLinks = &no
	if got, err := env(t, pod, &v1.Container{}); err != nil || got != want {
		t.Errorf("without links: %s, %v", got, err)
	}
}

func TestDNS(t *testing.T) {
	value := "2"
	for _, c := range []struct {
		name   string
		change func(*v1.Pod)
		want   string
	}{
		{"cluster first", func(*v1.Pod) {}, "[10.96.0.10] [ns.svc.cluster.local svc.cluster.local cluster.local example.com] [ndots:5]"},
		{"host network", func(p *v1.Pod) { p.Spec.HostNetwork = true }, "[1.1.1.1] [example.com] []"},
		{"cluster first with host network", func(p *v1.Pod) { p.Spec.HostNetwork, p.Spec.DNSPolicy = true, v1.DNSClusterFirstWithHostNet }, "[10.96.0.10] [ns.svc.cluster.local svc.cluster.local cluster.local example.com] [ndots:5]"},
		{"default", func(p *v1.Pod) { p.Spec.DNSPolicy = v1.DNSDefault }, "[1.1.1.1] [example.com] []"},
		{"none", func(p *v1.Pod) {
			p.Spec.DNSPolicy = v1.DNSNone
			p.Spec.DNSConfig = &v1.PodDNSConfig{Nameservers: []string{"9.9.9.9"}, Options: []v1.PodDNSConfigOption{{Name: "edns0"}}}
		}, "[9.9.9.9] [] [edns0]"},
		{"config over policy", func(p *v1.Pod) {
			p.Spec.DNSConfig = &v1.PodDNSConfig{Nameservers: []string{"10.96.0.10", "9.9.9.9"}, Options: []v1.PodDNSConfigOption{{Name: "ndots", Value: &value}}}
		}, "[10.96.0.10 9.9.9.9] [ns.svc.cluster.local svc.cluster.local cluster.local example.com] [ndots:2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := host(t).Sandbox(newPod(c.change), 0, false)
			if err != nil {
				t.Fatal(err)
			}
			d := config.DnsConfig
			if got := fmt.Sprint(d.Servers, d.Searches, d.Options); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestHostname(t *testing.T) {
	yes := true
	long := strings.Repeat("a", 62) + "-b"
	for _, c := range []struct {
		change func(*v1.Pod)
		want   string
	}{
		{func(*v1.Pod) {}, "p"},
		{func(p *v1.Pod) { p.Spec.Hostname = "h" }, "h"},
		{func(p *v1.Pod) { p.Name = long }, strings.Repeat("a", 62)},
		{func(p *v1.Pod) { p.Spec.HostNetwork = true }, ""},
		{func(p *v1.Pod) { p.Spec.Subdomain, p.Spec.SetHostnameAsFQDN = "s", &yes }, "p.s.ns.svc.cluster.local"},
	} {
		if got, err := host(t).Hostname(newPod(c.change)); err != nil || got != c.want {
			t.Errorf("got %q, %v, want %q", got, err, c.want)
		}
	}
}

func TestHostsFile(t *testing.T) {
	h := host(t)
	got, err := h.HostsFile(newPod(func(p *v1.Pod) {
		p.Spec.Subdomain = "s"
		p.Spec.HostAliases = []v1.HostAlias{{IP: "1.2.3.4", Hostnames: []string{"a", "b"}}}
	}), "", []string{"10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	want := "10.0.0.1\tp.s.ns.svc.cluster.local\tp\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"
	if !strings.HasPrefix(got, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n") || !strings.HasSuffix(got, want) {
		t.Errorf("got %q", got)
	}
	got, err = h.HostsFile(newPod(func(p *v1.Pod) { p.Spec.HostNetwork = true }), "the host's\n", nil)
	if err != nil || got != "# Kubernetes-managed hosts file (host network).\nthe host's\n" {
		t.Errorf("host network: %q, %v", got, err)
	}
}

func TestSecurity(t *testing.T) {
	i := func(n int64) *int64 { return &n }
	yes, no := true, false
	for _, c := range []struct {
		name  string
		pod   *v1.PodSecurityContext
		c     *v1.SecurityContext
		image ImageUser
		check func(*runtimeapi.LinuxContainerSecurityContext) bool
		err   string
	}{
		{"nothing said", nil, nil, ImageUser{}, func(s *runtimeapi.LinuxContainerSecurityContext) bool {
			return s.RunAsUser == nil && !s.Privileged && len(s.MaskedPaths) > 0 && s.Seccomp.ProfileType == runtimeapi.SecurityProfile_Unconfined
		}, ""},
		{"the image's user", nil, nil, ImageUser{UID: i(7)}, func(s *runtimeapi.LinuxContainerSecurityContext) bool { return s.RunAsUser.Value == 7 }, ""},
		{"the image's user by name", nil, nil, ImageUser{Name: "www"}, func(s *runtimeapi.LinuxContainerSecurityContext) bool { return s.RunAsUsername == "www" }, ""},
		{"container over pod", &v1.PodSecurityContext{RunAsUser: i(1), RunAsGroup: i(2), FSGroup: i(3), SupplementalGroups: []int64{4}}, &v1.SecurityContext{RunAsUser: i(5)}, ImageUser{},
			func(s *runtimeapi.LinuxContainerSecurityContext) bool {
				return s.RunAsUser.Value == 5 && s.RunAsGroup.Value == 2 && fmt.Sprint(s.SupplementalGroups) == "[4 3]"
			}, ""},
		{"privileged", nil, &v1.SecurityContext{Privileged: &yes}, ImageUser{}, func(s *runtimeapi.LinuxContainerSecurityContext) bool { return s.Privileged && s.MaskedPaths == nil }, ""},
		{"no escalation, read-only", nil, &v1.SecurityContext{AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes}, ImageUser{},
			func(s *runtimeapi.LinuxContainerSecurityContext) bool { return s.NoNewPrivs && s.ReadonlyRootfs }, ""},
		{"capabilities", nil, &v1.SecurityContext{Capabilities: &v1.Capabilities{Add: []v1.Capability{"NET_ADMIN"}, Drop: []v1.Capability{"ALL"}}}, ImageUser{},
			func(s *runtimeapi.LinuxContainerSecurityContext) bool {
				return fmt.Sprint(s.Capabilities.AddCapabilities, s.Capabilities.DropCapabilities) == "[NET_ADMIN] [ALL]"
			}, ""},
		{"seccomp of the pod", &v1.PodSecurityContext{SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault}}, nil, ImageUser{},
			func(s *runtimeapi.LinuxContainerSecurityContext) bool {
				return s.Seccomp.ProfileType == runtimeapi.SecurityProfile_RuntimeDefault
			}, ""},
		{"non-root kept", &v1.PodSecurityContext{RunAsNonRoot: &yes}, nil, ImageUser{UID: i(7)}, func(*runtimeapi.LinuxContainerSecurityContext) bool { return true }, ""},
		{"non-root broken by the image", &v1.PodSecurityContext{RunAsNonRoot: &yes}, nil, ImageUser{}, nil,
			`container has runAsNonRoot and image will run as root (pod: "p_ns(u)", container: c)`},
		{"non-root broken by the spec", nil, &v1.SecurityContext{RunAsNonRoot: &yes, RunAsUser: i(0)}, ImageUser{}, nil,
			`container's runAsUser breaks non-root policy (pod: "p_ns(u)", container: c)`},
		{"non-root not known", nil, &v1.SecurityContext{RunAsNonRoot: &yes}, ImageUser{Name: "www"}, nil,
			`container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root (pod: "p_ns(u)", container: c)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := newPod(func(p *v1.Pod) { p.Spec.SecurityContext = c.pod; p.Spec.Containers[0].SecurityContext = c.c })
			got, err := host(t).containerSecurity(pod, &pod.Spec.Containers[0], c.image)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil || !c.check(got) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestResources(t *testing.T) {
	list := func(cpu, memory string) v1.ResourceList {
		return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
	}
	for _, c := range []struct {
		requests, limits v1.ResourceList
		want             string
	}{
		{nil, nil, "shares 2 quota 0 memory 0 oom 1000"},
		{list("250m", "1Gi"), nil, "shares 256 quota 0 memory 0 oom 750"},
		{list("1", "1Gi"), list("1", "1Gi"), "shares 1024 quota 100000 memory 1073741824 oom -997"},
		{nil, list("500m", "64Mi"), "shares 512 quota 50000 memory 67108864 oom -997"},
	} {
		pod := newPod(func(p *v1.Pod) {
			p.Spec.Containers[0].Resources = v1.ResourceRequirements{Requests: c.requests, Limits: c.limits}
		})
		r := Resources(pod, &pod.Spec.Containers[0], 4<<30)
		got := fmt.Sprintf("shares %d quota %d memory %d oom %d", r.CpuShares, r.CpuQuota, r.MemoryLimitInBytes, r.OomScoreAdj)
		if got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestCheckNamesWhatIsUnsupported(t *testing.T) {
	no, kata := false, "kata"
	rro := v1.RecursiveReadOnlyEnabled
	for want, change := range map[string]func(*v1.Pod){
		"":                            func(*v1.Pod) {},
		"spec.hostUsers":              func(p *v1.Pod) { p.Spec.HostUsers = &no },
		"spec.runtimeClassName":       func(p *v1.Pod) { p.Spec.RuntimeClassName = &kata },
		"spec.os.name: windows":       func(p *v1.Pod) { p.Spec.OS = &v1.PodOS{Name: v1.Windows} },
		"spec.resourceClaims":         func(p *v1.Pod) { p.Spec.ResourceClaims = []v1.PodResourceClaim{{}} },
		"containers{c}.volumeDevices": func(p *v1.Pod) { p.Spec.Containers[0].VolumeDevices = []v1.VolumeDevice{{}} },
		"containers{c}.resources.limits.": func(p *v1.Pod) {
			p.Spec.Containers[0].Resources.Limits = v1.ResourceList{"gpu": resource.MustParse("1")}
		},
		"recursiveReadOnly": func(p *v1.Pod) { p.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{RecursiveReadOnly: &rro}} },
	} {
		err := Check(newPod(change))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestPortMappings(t *testing.T) {
	pod := newPod(func(p *v1.Pod) {
		p.Spec.Containers[0].Ports = []v1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 53, HostPort: 5353, Protocol: v1.ProtocolUDP, HostIP: "127.0.0.1"}}
	})
	got := portMappings(pod)
	if len(got) != 1 || got[0].HostPort != 5353 || got[0].Protocol != runtimeapi.Protocol_UDP || got[0].HostIp != "127.0.0.1" {
		t.Errorf("got %v", got)
	}
	pod.Spec.HostNetwork = true
	if got := portMappings(pod); len(got) != 0 {
		t.Errorf("host network: %v", got)
	}
}

func TestSubPathExpr(t *testing.T) {
	env := []*runtimeapi.KeyValue{{Key: "A", Value: []byte("x")}}
	if got, err := SubPath(&v1.VolumeMount{SubPathExpr: "d/$(A)"}, env); err != nil || got != "d/x" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := SubPath(&v1.VolumeMount{SubPathExpr: "$(B)"}, env); err == nil {
		t.Error("an unset variable was accepted")
	}
}
