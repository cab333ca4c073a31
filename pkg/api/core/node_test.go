package core

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
)

func nodeOf(t *testing.T, text string) *corev1.Node {
	t.Helper()
	node := &corev1.Node{}
	if err := yaml.UnmarshalStrict([]byte(text), node); err != nil {
		t.Fatal(err)
	}
	defaultNode(node)
	return node
}

func texts(errs field.ErrorList) string {
	if len(errs) == 0 {
		return ""
	}
	return errs.ToAggregate().Error()
}

// TestNode holds the words that kube-apiserver 1.37 answers with.
func TestNode(t *testing.T) {
	for text, want := range map[string]string{
		`{spec: {podCIDRs: [10.0.0.0/24, "fd00::/64"], taints: [{key: a, effect: NoSchedule}]}}`: "",
		`{spec: {podCIDRs: [10.0.0.0/24, 10.0.1.0/24]}}`:                                         `spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family`,
		`{spec: {taints: [{key: a, effect: NoSchedule}, {key: a, value: b, effect: NoSchedule}]}}`: `metadata.taints[1]: Duplicate value: {"Key":"a","Value":"b","Effect":"NoSchedule","TimeAdded":null}: ` +
			`taints must be unique by key and effect pair`,
		`{status: {capacity: {a.b/c: 1500m}, allocatable: {}}}`:                                                  `status.capacity.a.b/c: Invalid value: "1500m": must be an integer`,
		`{status: {declaredFeatures: [B, A]}}`:                                                                   `status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically`,
		`{metadata: {annotations: {scheduler.alpha.kubernetes.io/preferAvoidPods: x}}}`:                          `metadata.annotations.AvoidPods: Invalid value: "scheduler.alpha.kubernetes.io/preferAvoidPods": invalid character 'x' looking for beginning of value`,
		`{metadata: {annotations: {scheduler.alpha.kubernetes.io/preferAvoidPods: '{"preferAvoidPods":[{}]}'}}}`: `metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[0].PodSignature: Required value`,
		`{metadata: {annotations: {scheduler.alpha.kubernetes.io/taints: '[{"key":"a"}]'}}}`:                     `metadata.annotations.scheduler.alpha.kubernetes.io/taints[0].effect: Required value`,
	} {
		if got := texts(validateNode(nodeOf(t, text))); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestNodeChange(t *testing.T) {
	const before = `{spec: {podCIDR: 10.0.0.0/24, providerID: a, externalID: e}}`
	for after, want := range map[string]string{
		before: "",
		`{spec: {podCIDR: 10.0.0.0/24, providerID: a, externalID: e, unschedulable: true}}`:                                                              "",
		`{spec: {podCIDR: 10.0.1.0/24, providerID: a, externalID: e}}`:                                                                                   `spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid`,
		`{spec: {podCIDR: 10.0.0.0/24, providerID: b, externalID: e}}`:                                                                                   `spec.providerID: Invalid value: null: field cannot be modified once set`,
		`{spec: {podCIDR: 10.0.0.0/24, externalID: e}}`:                                                                                                  `spec.providerID: Invalid value: null: field cannot be cleared once set`,
		`{spec: {podCIDR: 10.0.0.0/24, providerID: a}}`:                                                                                                  `spec.externalID: Forbidden: may not be updated`,
		`{spec: {podCIDR: 10.0.0.0/24, providerID: a, externalID: e, configSource: {configMap: {name: A_, uid: u, namespace: n, kubeletConfigKey: k}}}}`: `[spec.configSource.configMap.uid: Forbidden: uid must not be set in spec, spec.configSource.configMap.name: Invalid value: "A_": a lowercase RFC 1123 subdomain`,
	} {
		got := texts(validateNodeChange(nodeOf(t, after), nodeOf(t, before)))
		if !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: got %s, want %s", after, got, want)
		}
	}
}

// TestNodeDropsConfig holds that a node cannot begin to use a feature that is gone.
func TestNodeDropsConfig(t *testing.T) {
	const with = `{spec: {configSource: {configMap: {name: a}}, externalID: e}, status: {config: {error: x}}}`
	node := nodeOf(t, with)
	if got := nodeWarnings(t.Context(), node, nil); len(got) != 2 {
		t.Errorf("warnings %q", got)
	}
	prepareNodeCreate(t.Context(), node)
	if node.Spec.ConfigSource != nil || node.Status.Config != nil {
		t.Error("a new node has a configuration's source")
	}
	changed, old := nodeOf(t, with), nodeOf(t, `{}`)
	prepareNodeUpdate(t.Context(), changed, old)
	if changed.Spec.ConfigSource != nil {
		t.Error("an update adds a configuration's source")
	}
	if putNodeStatus(t.Context(), old, nodeOf(t, with)); old.Status.Config != nil {
		t.Error("a status adds a configuration")
	}
}

func TestEndpoints(t *testing.T) {
	endpoints := func(ip string) *corev1.Endpoints {
		return &corev1.Endpoints{Subsets: []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: ip}}}}}
	}
	const want = `[subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address]`
	bad := endpoints("x")
	if got := texts(validateEndpoints(bad)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := validateEndpointsUpdate(bad, bad.DeepCopy()); len(got) > 0 {
		t.Errorf("what was so before: %v", got)
	}
	if got := endpointsWarnings(t.Context(), endpoints("2001:db8:0::1"), nil); len(got) != 1 {
		t.Errorf("warnings: %q", got)
	}
}

// TestNullsAreEmpty: storage makes no difference between them.
func TestNullsAreEmpty(t *testing.T) {
	s, cm := &corev1.Secret{Data: map[string][]byte{"a": nil}}, &corev1.ConfigMap{BinaryData: map[string][]byte{"a": nil}}
	for _, r := range []struct {
		*api.Resource
		obj api.Object
	}{{Secret, s}, {ConfigMap, cm}} {
		r.Default(r.obj)
	}
	if s.Data["a"] == nil || cm.BinaryData["a"] == nil {
		t.Errorf("secret %v, config map %v", s.Data, cm.BinaryData)
	}
}
