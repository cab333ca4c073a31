package service

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// serviceOf decodes a service, strictly, with its defaults and as a create leaves it.
func serviceOf(t *testing.T, spec string) *corev1.Service {
	t.Helper()
	s := &corev1.Service{}
	if err := yaml.UnmarshalStrict([]byte(spec), &s.Spec); err != nil {
		t.Fatal(err)
	}
	defaultService(s)
	prepareServiceCreate(t.Context(), s)
	return s
}

func TestDefaults(t *testing.T) {
	for name, c := range map[string]struct{ spec, want string }{
		"cluster IP": {`ports: [{port: 80}, {port: 53, protocol: UDP, targetPort: dns}]`,
			`{type: ClusterIP, sessionAffinity: None, internalTrafficPolicy: Cluster, ports: [{port: 80, protocol: TCP, targetPort: 80}, {port: 53, protocol: UDP, targetPort: dns}]}`},
		"load balancer": {`{type: LoadBalancer, sessionAffinity: ClientIP}`,
			`{type: LoadBalancer, sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}, internalTrafficPolicy: Cluster, externalTrafficPolicy: Cluster, allocateLoadBalancerNodePorts: true}`},
		"external name": {`{type: ExternalName, externalName: example.com}`, `{type: ExternalName, externalName: example.com, sessionAffinity: None}`},
	} {
		want := corev1.ServiceSpec{}
		if err := yaml.UnmarshalStrict([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if got := serviceOf(t, c.spec).Spec; !equality.Semantic.DeepEqual(got, want) {
			text, _ := yaml.Marshal(got)
			t.Errorf("%s: got\n%s", name, text)
		}
	}
}

// TestValidate holds the words that kube-apiserver 1.37 answers with.
func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain":    {`ports: [{port: 80}]`, nil},
		"headless": {`clusterIP: None`, nil},
		"no ports": {`selector: {a: b}`, []string{`spec.ports: Required value`}},
		"port 0": {`ports: [{port: 0}]`, []string{`spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive`,
			`spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive`}},
		"no address": {`{clusterIP: nope, ports: [{port: 80}]}`,
			[]string{`spec.clusterIPs[0]: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`}},
		"unnamed ports": {`ports: [{port: 80}, {port: 81, name: b}]`, []string{`spec.ports[0].name: Required value`}},
		"same name":     {`ports: [{port: 80, name: a}, {port: 81, name: a}]`, []string{`spec.ports[1].name: Duplicate value: "a"`}},
		"node port of a cluster IP": {`ports: [{port: 80, nodePort: 30000}]`,
			[]string{"spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"}},
		"type": {`{type: Nope, ports: [{port: 80}]}`,
			[]string{`spec.type: Unsupported value: "Nope": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"`}},
		"external name without name": {`{type: ExternalName}`, []string{`spec.externalName: Required value`}},
		"two of one family": {`{clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 10.0.0.2], ports: [{port: 80}]}`,
			[]string{`spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family`}},
		"external address of this host": {`{externalIPs: [127.0.0.1], ports: [{port: 80}]}`,
			[]string{`spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`}},
		"ranges of another type": {`{loadBalancerSourceRanges: [1.2.3.4/8], ports: [{port: 80}]}`,
			[]string{"spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
				`spec.LoadBalancerSourceRanges[0]: Invalid value: "1.2.3.4/8": must not have bits set beyond the prefix length`}},
		"same port": {`ports: [{name: a, port: 80}, {name: b, port: 80}]`,
			[]string{`spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}`}},
		"distribution": {`{trafficDistribution: X, ports: [{port: 80}]}`,
			[]string{`spec.trafficDistribution: Unsupported value: "X": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"`}},
		"external name with address": {`{type: ExternalName, externalName: a.b, clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1]}`,
			[]string{`spec.clusterIPs: Forbidden: may not be set for ExternalName services`}},
		"affinity": {`{sessionAffinity: Sticky, ports: [{port: 80}]}`,
			[]string{`spec.sessionAffinity: Unsupported value: "Sticky": supported values: "ClientIP", "None"`}},
	} {
		expect(t, name, validateService(serviceOf(t, c.spec)), c.want)
	}
}

func expect(t *testing.T, name string, errs field.ErrorList, want []string) {
	t.Helper()
	var got []string
	for _, err := range errs {
		got = append(got, err.Error())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestUpdateKeepsWhatWasAllocated is what kubectl apply and replace rely on.
func TestUpdateKeepsWhatWasAllocated(t *testing.T) {
	old := serviceOf(t, `{type: LoadBalancer, clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30080}]}`)
	old.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}

	s := serviceOf(t, `{type: LoadBalancer, ports: [{port: 80}]}`)
	prepareServiceUpdate(t.Context(), s, old)
	if s.Spec.ClusterIP != "10.0.0.1" || len(s.Spec.ClusterIPs) != 1 || s.Spec.Ports[0].NodePort != 30080 || len(s.Status.LoadBalancer.Ingress) != 1 {
		t.Errorf("a plain update: %+v %+v", s.Spec, s.Status)
	}

	s = old.DeepCopy()
	s.Spec.Type = corev1.ServiceTypeClusterIP
	prepareServiceUpdate(t.Context(), s, old)
	if s.Spec.Ports[0].NodePort != 0 || s.Spec.ExternalTrafficPolicy != "" || s.Spec.ClusterIP != "10.0.0.1" || len(s.Status.LoadBalancer.Ingress) > 0 {
		t.Errorf("to ClusterIP: %+v", s.Spec)
	}

	s = old.DeepCopy()
	s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, "example.com"
	prepareServiceUpdate(t.Context(), s, old)
	expect(t, "to ExternalName", validateServiceUpdate(s, old), nil)

	s = old.DeepCopy()
	s.Spec.ClusterIP, s.Spec.ClusterIPs = "10.0.0.2", []string{"10.0.0.2"}
	prepareServiceUpdate(t.Context(), s, old)
	expect(t, "another address", validateServiceUpdate(s, old), []string{`spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set`})
}

func TestCells(t *testing.T) {
	s := serviceOf(t, `{type: LoadBalancer, externalIPs: [192.0.2.9], ports: [{port: 80, nodePort: 30080}]}`)
	if got := externalAddress(s); got != "192.0.2.9" {
		t.Errorf("external: %q", got)
	}
	s.Spec.ExternalIPs = nil
	if got := externalAddress(s); got != "<pending>" {
		t.Errorf("not yet balanced: %q", got)
	}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.2"}, {Hostname: "lb.example"}}
	if got := externalAddress(s); got != "192.0.2.2,lb.example" {
		t.Errorf("balanced: %q", got)
	}
	if got := portsCell(s.Spec.Ports); got != "80:30080/TCP" {
		t.Errorf("ports: %q", got)
	}
}

func TestAnnotations(t *testing.T) {
	s := serviceOf(t, `ports: [{port: 80}]`)
	s.Annotations = map[string]string{corev1.AnnotationTopologyMode: "a", corev1.DeprecatedAnnotationTopologyAwareHints: "b", corev1.AnnotationLoadBalancerSourceRangesKey: "1.2.3.0/24, x"}
	expect(t, "annotations", validateService(s), []string{
		`metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "a": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified`,
		"metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: may only be used when `type` is 'LoadBalancer'",
		`metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`})
	old := s.DeepCopy()
	expect(t, "what was so before", validateServiceUpdate(s, old), []string{
		`metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "a": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified`,
		"metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: may only be used when `type` is 'LoadBalancer'"})
}

func TestChangesOfBalancers(t *testing.T) {
	old := serviceOf(t, `{type: LoadBalancer, loadBalancerClass: a/b, externalTrafficPolicy: Local, healthCheckNodePort: 30001, ports: [{port: 80}]}`)
	s := serviceOf(t, `{type: LoadBalancer, loadBalancerClass: a/c, externalTrafficPolicy: Local, healthCheckNodePort: 30002, ports: [{port: 80}]}`)
	expect(t, "class and port", validateServiceUpdate(s, old), []string{
		`spec.loadBalancerClass: Invalid value: "a/c": may not change once set`, `spec.healthCheckNodePort: Forbidden: field is immutable`})
}

func TestWarnings(t *testing.T) {
	for spec, want := range map[string]string{
		`ports: [{port: 80}]`: "",
		`{clusterIP: None, loadBalancerIP: 192.0.2.1, externalIPs: [192.0.2.2], sessionAffinity: ClientIP}`: "spec.loadBalancerIP is ignored for headless services; spec.externalIPs is ignored for headless services; spec.SessionAffinity is ignored for headless services",
		`{externalIPs: [192.0.2.2], ports: [{port: 80}]}`:                                                   "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
		`{type: ExternalName, externalName: a.b, externalIPs: [192.0.2.2]}`:                                 `spec.externalIPs is ignored when spec.type is "ExternalName"`,
		`{externalName: a.b, ports: [{port: 80}]}`:                                                          `spec.externalName is ignored when spec.type is not "ExternalName"`,
		`{trafficDistribution: PreferClose, ports: [{port: 80}]}`:                                           `spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"`,
	} {
		if got := strings.Join(serviceWarnings(t.Context(), serviceOf(t, spec), nil), "; "); got != want {
			t.Errorf("%s: got %q, want %q", spec, got, want)
		}
	}
}
