package networking

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"slowmo/pkg/api/apitest"
)

const subdomain = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`

// TestValidateIngress holds the words that kube-apiserver 1.37 answers with.
func TestValidateIngress(t *testing.T) {
	const backend = `backend: {service: {name: s, port: {number: 80}}}`
	check := func(spec string, want ...string) {
		t.Helper()
		apitest.Create(t, Ingress, `spec: `+spec, want...)
	}
	check(`{defaultBackend: {service: {name: s, port: {number: 80}}}}`)
	check(`{}`, "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified")
	check(`{defaultBackend: {}}`, `spec.defaultBackend: Invalid value: "": resource or service backend is required`)
	check(`{defaultBackend: {service: {name: s, port: {}}}}`, `spec.defaultBackend: Required value: port name or number is required`)
	check(`{defaultBackend: {service: {port: {name: a, number: 1}}}}`, `spec.defaultBackend.service.name: Required value`,
		`spec.defaultBackend: Invalid value: "": cannot set both port name & port number`)
	check(`{defaultBackend: {service: {name: 1s, port: {number: 70000}}}}`,
		`spec.defaultBackend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive`)
	check(`{defaultBackend: {resource: {apiGroup: A, name: a/b}}}`, `spec.defaultBackend.resource.apiGroup: Invalid value: "A": `+subdomain,
		`spec.defaultBackend.resource.kind: Required value`, `spec.defaultBackend.resource.name: Invalid value: "a/b": may not contain '/'`)
	check(`{rules: [{host: 10.0.0.1}]}`, `spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address`)
	check(`{rules: [{http: {paths: []}}]}`, `spec.rules[0].http.paths: Required value`)
	check(`{rules: [{http: {paths: [{path: /, `+backend+`}]}}]}`, `spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified`)
	check(`{rules: [{http: {paths: [{path: a//b/., pathType: Exact, `+backend+`}]}}]}`,
		`spec.rules[0].http.paths[0].path: Invalid value: "a//b/.": must be an absolute path`,
		`spec.rules[0].http.paths[0].path: Invalid value: "a//b/.": must not contain '//'`,
		`spec.rules[0].http.paths[0].path: Invalid value: "a//b/.": cannot end with '/.'`)
	check(`{rules: [{http: {paths: [{pathType: Regex, `+backend+`}]}}]}`,
		`spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`)
	check(`{rules: [{host: "*.*.com"}], tls: [{hosts: ["*"], secretName: A}]}`,
		`spec.rules[0].host: Invalid value: "*.*.com": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
		`spec.tls[0].hosts[0]: Invalid value: "*": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
		`spec.tls[0].secretName: Invalid value: "A": `+subdomain)
	apitest.Create(t, Ingress, `{metadata: {annotations: {kubernetes.io/ingress.class: a}}, spec: {ingressClassName: b, rules: [{}]}}`,
		"annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match `ingressClassName` when both are specified")
	// What was stored before there was a rule stays.
	apitest.Update(t, Ingress, `spec: {rules: [{}], tls: [{secretName: A}]}`, `spec: {rules: [{}], tls: [{secretName: B}]}`)
	apitest.Update(t, Ingress, `spec: {rules: [{host: "*.a", http: {}}]}`, `spec: {rules: [{host: "*.b", http: {}}]}`)
}

func TestIngressStatus(t *testing.T) {
	stored := apitest.Object[*networkingv1.Ingress](t, Ingress, `{spec: {rules: [{}]}, status: {loadBalancer: {ingress: [{ip: 010.0.0.1}]}}}`)
	body := apitest.Object[*networkingv1.Ingress](t, Ingress, `{status: {loadBalancer: {ingress: [{ip: 010.0.0.1}, {ip: x}, {hostname: 10.0.0.1}]}}}`)
	got, err := apitest.Put(t, Ingress, "status", stored, body)
	if len(got.Spec.Rules) != 1 || len(got.Status.LoadBalancer.Ingress) != 3 {
		t.Errorf("%+v", got)
	}
	const want = `[status.loadBalancer.ingress[1].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), status.loadBalancer.ingress[2].hostname: Invalid value: "10.0.0.1": must be a DNS name, not an IP address]`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestGenerations(t *testing.T) {
	old := apitest.Object[*networkingv1.Ingress](t, Ingress, `{metadata: {generation: 3}, spec: {rules: [{}]}}`)
	ingress := old.DeepCopy()
	ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "10.0.0.1"}}
	Ingress.PrepareUpdate(t.Context(), ingress, old)
	if ingress.Generation != 3 || len(ingress.Status.LoadBalancer.Ingress) > 0 {
		t.Errorf("a status in an update: %+v", ingress)
	}
	ingress.Spec.Rules[0].Host = "h"
	Ingress.PrepareUpdate(t.Context(), ingress, old)
	if ingress.Generation != 4 {
		t.Errorf("another spec: generation %d", ingress.Generation)
	}
}

func TestValidateIngressClass(t *testing.T) {
	check := func(spec string, want ...string) {
		t.Helper()
		apitest.Create(t, IngressClass, `spec: `+spec, want...)
	}
	check(`{controller: example.com/c, parameters: {apiGroup: a.b, kind: K, name: p}}`)
	check(`{}`, `spec.controller: Required value`)
	check(`{controller: c}`, `spec.controller: Invalid value: "c": must be a domain-prefixed path (such as "acme.io/foo")`)
	check(`{controller: a.b/c, parameters: {scope: Namespace}}`, "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
		`spec.parameters.kind: Required value`, `spec.parameters.name: Required value`)
	check(`{controller: a.b/c, parameters: {kind: K, name: p, namespace: x}}`, "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'")
	check(`{controller: a.b/c, parameters: {kind: K, name: p, scope: x}}`, `spec.parameters.scope: Unsupported value: "x": supported values: "Cluster", "Namespace"`)
	apitest.Update(t, IngressClass, `spec: {controller: a.b/c}`, `spec: {controller: a.b/d}`, `spec.controller: Invalid value: "a.b/d": field is immutable`)
}

func TestNetworkPolicyDefaults(t *testing.T) {
	policy := apitest.Object[*networkingv1.NetworkPolicy](t, NetworkPolicy, `spec: {egress: [{ports: [{port: 53}]}]}`)
	if len(policy.Spec.PolicyTypes) != 2 || *policy.Spec.Egress[0].Ports[0].Protocol != "TCP" {
		t.Errorf("%+v", policy.Spec)
	}
	policy = apitest.Object[*networkingv1.NetworkPolicy](t, NetworkPolicy, `spec: {policyTypes: [Egress]}`)
	if len(policy.Spec.PolicyTypes) != 1 {
		t.Errorf("%+v", policy.Spec)
	}
}

func TestValidateNetworkPolicy(t *testing.T) {
	check := func(spec string, want ...string) {
		t.Helper()
		apitest.Create(t, NetworkPolicy, `spec: `+spec, want...)
	}
	check(`{}`)
	check(`{podSelector: {matchExpressions: [{key: a, operator: In}]}}`,
		"spec.podSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'")
	check(`{ingress: [{ports: [{protocol: ICMP}, {port: 0}, {port: http_, endPort: 1}, {endPort: 1}, {port: 5, endPort: 4}]}]}`,
		`spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"`,
		`spec.ingress[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive`,
		"spec.ingress[0].ports[2].endPort: Invalid value: 1: may not be specified when `port` is non-numeric",
		`spec.ingress[0].ports[2].port: Invalid value: "http_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`,
		"spec.ingress[0].ports[3].endPort: Invalid value: 1: may not be specified when `port` is not specified",
		"spec.ingress[0].ports[4].endPort: Invalid value: 4: must be greater than or equal to `port`")
	check(`{policyTypes: [Ingress, Ingress, Egress]}`, `spec.policyTypes: Invalid value: ["Ingress","Ingress","Egress"]: may not specify more than two policyTypes`)
	check(`{policyTypes: [Both]}`, `spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"`)
	check(`{egress: [{to: [{ipBlock: {}}, {}, {podSelector: {}, ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/8]}}]}], policyTypes: [x]}`,
		`spec.egress[0].to[1]: Required value: must specify a peer`,
		"spec.egress[0].to[2].ipBlock.except[0]: Invalid value: \"11.0.0.0/8\": must be a strict subset of `cidr`",
		`spec.egress[0].to[2]: Forbidden: may not specify both ipBlock and another peer`,
		`spec.policyTypes[0]: Unsupported value: "x": supported values: "Ingress", "Egress"`,
		`spec.egress[0].to[0].ipBlock.cidr: Required value`)
	check(`{egress: [{to: [{ipBlock: {cidr: 010.0.0.0/8}}]}]}`, `spec.egress[0].to[0].ipBlock.cidr: Invalid value: "010.0.0.0/8": must not have leading 0s in IP or prefix length`)
	apitest.Update(t, NetworkPolicy, `spec: {egress: [{to: [{ipBlock: {cidr: 010.0.0.0/8}}]}]}`, `spec: {ingress: [{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}]}`)
}

func TestValidateAddresses(t *testing.T) {
	apitest.Create(t, IPAddress, `spec: {parentRef: {group: A, resource: a/b}}`, `spec.parentRef.group: Invalid value: "A": `+subdomain,
		`spec.parentRef.resource: Invalid value: "a/b": may not contain '/'`, `spec.parentRef.name: Required value`)
	apitest.Update(t, IPAddress, `spec: {parentRef: {resource: services, name: a}}`, `spec: {parentRef: {resource: services, name: b}}`,
		`spec.parentRef: Invalid value: null: field is immutable`)
	if got := IPAddress.ValidateName("2001:DB8::1", false); len(got) != 1 || got[0] != `must be in canonical form ("2001:db8::1")` {
		t.Errorf("%q", got)
	}

	apitest.Create(t, ServiceCIDR, `spec: {cidrs: [a, b, c]}`, `spec.cidrs: Invalid value: {"CIDRs":["a","b","c"]}: may only hold up to 2 values`)
	apitest.Create(t, ServiceCIDR, `spec: {cidrs: [10.0.0.0/16, 10.1.0.0/16]}`,
		`spec.cidrs: Invalid value: ["10.0.0.0/16","10.1.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64`)
	apitest.Update(t, ServiceCIDR, `spec: {cidrs: [10.0.0.0/16]}`, `spec: {cidrs: [10.0.0.0/16, "2001:db8::/64"]}`)
	apitest.Update(t, ServiceCIDR, `spec: {cidrs: [10.0.0.0/16]}`, `spec: {cidrs: [10.1.0.0/16]}`, `spec.cidrs[0]: Invalid value: "10.1.0.0/16": field is immutable`)
	apitest.Update(t, ServiceCIDR, `spec: {cidrs: [10.0.0.0/16, "2001:db8::/64"]}`, `spec: {cidrs: [10.0.0.0/16]}`, `spec.cidrs: Invalid value: ["10.0.0.0/16"]: field is immutable`)
}

func TestRowsAndWarnings(t *testing.T) {
	apitest.Row(t, Ingress, `{metadata: {name: i}, spec: {ingressClassName: c, tls: [{}], rules: [{host: a}, {}, {host: b}, {host: c}, {host: d}]}, status: {loadBalancer: {ingress: [{ip: 10.0.0.2}, {hostname: h}, {ip: 10.0.0.2}]}}}`,
		`["i","c","a,b,c + 2 more...","10.0.0.2,h","80, 443","5m"]`)
	apitest.Row(t, Ingress, `metadata: {name: i}`, `["i","<none>","*","","80","5m"]`)
	apitest.Row(t, IngressClass, `{metadata: {name: c, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}, spec: {controller: a.b/c, parameters: {apiGroup: g, kind: K, name: p}}}`,
		`["c (default)","a.b/c","K.g/p","5m"]`)
	apitest.Row(t, IPAddress, `{metadata: {name: 10.0.0.1}, spec: {parentRef: {group: G.x, resource: r, namespace: ns, name: o}}}`, `["10.0.0.1","r.g.x/ns/o","5m"]`)
	apitest.Row(t, ServiceCIDR, `{metadata: {name: kubernetes}, spec: {cidrs: [10.96.0.0/16]}}`, `["kubernetes","10.96.0.0/16","5m"]`)
	apitest.Row(t, NetworkPolicy, `{metadata: {name: p}, spec: {podSelector: {matchLabels: {a: b}}}}`, `["p","a=b","5m"]`)

	const annotated = `metadata: {annotations: {kubernetes.io/ingress.class: a}}`
	apitest.Warnings(t, Ingress, "", annotated, `annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`)
	apitest.Warnings(t, Ingress, annotated, annotated)
	apitest.Warnings(t, Ingress, annotated, `status: {loadBalancer: {ingress: [{ip: "2001:DB8::1"}]}}`,
		`status.loadBalancer.ingress[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")`)
	apitest.Warnings(t, NetworkPolicy, "", `spec: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}]}`,
		`spec.ingress[0].from[0].ipBlock.cidr: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)`)
}
