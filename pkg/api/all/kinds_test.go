package all

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// decoded returns an object of a kind, as a create of it leaves it.
func decoded(t *testing.T, kind, text string) (*api.Resource, api.Object) {
	t.Helper()
	for _, r := range Resources() {
		if r.Kind != kind {
			continue
		}
		obj := r.New()
		if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
			t.Fatal(err)
		}
		obj.SetCreationTimestamp(metav1.NewTime(now.Add(-5 * time.Minute)))
		if r.Default != nil {
			r.Default(obj)
		}
		if r.PrepareCreate != nil {
			r.PrepareCreate(t.Context(), obj)
		}
		return r, obj
	}
	t.Fatalf("no kind %s", kind)
	return nil, nil
}

// TestValidateSmallKinds holds the words that kube-apiserver 1.37 answers with.
func TestValidateSmallKinds(t *testing.T) {
	for _, c := range []struct {
		kind, object string
		want         []string
	}{
		{"ConfigMap", `data: {bad key: x}`, []string{`data[bad key]: Invalid value: "bad key": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`}},
		{"ConfigMap", `{data: {a: x}, binaryData: {a: AA==}}`, []string{`data[a]: Invalid value: "a": duplicate of key present in binaryData`}},
		{"Secret", `{type: kubernetes.io/tls, data: {x: AA==}}`, []string{`data[tls.crt]: Required value`, `data[tls.key]: Required value`}},
		{"Secret", `{type: kubernetes.io/basic-auth}`, []string{`data[username]: Required value`, `data[password]: Required value`}},
		{"Secret", `{type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: "{"}}`,
			[]string{`data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input`}},
		{"Event", `metadata: {namespace: rec}`, []string{`involvedObject.namespace: Invalid value: "": does not match event.namespace`}},
		{"Event", `{metadata: {namespace: rec}, involvedObject: {namespace: rec}}`, nil},
		{"Event", `{metadata: {namespace: rec}, eventTime: "2026-01-02T03:04:05.000000Z", involvedObject: {namespace: rec}, reason: R, reportingComponent: c, reportingInstance: i}`,
			[]string{`action: Required value`}},
		{"Node", `spec: {taints: [{key: a, effect: NoSchedule}, {key: a, effect: NoSchedule}]}`,
			[]string{`metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair`}},
		{"Node", `spec: {podCIDRs: [10.0.0.0/24, 10.0.1.0/24]}`, []string{`spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family`}},
		{"Namespace", `spec: {finalizers: [nope]}`, []string{`spec.finalizers: Invalid value: "nope": name is neither a standard finalizer name nor is it fully qualified`}},
		{"Endpoints", `subsets: [{}]`, []string{"subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"}},
		{"Endpoints", `subsets: [{addresses: [{ip: 127.0.0.1}], ports: [{port: 80}]}]`,
			[]string{`subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`}},
		{"EndpointSlice", `{}`, []string{`addressType: Required value`}},
		{"EndpointSlice", `{addressType: IPv4, endpoints: [{addresses: ["::1"]}]}`, []string{
			`endpoints[0].addresses: Invalid value: "::1": must be an IPv4 address`,
			`endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)`}},
		{"Role", `rules: [{resources: [pods], verbs: []}]`, []string{
			`rules[0].apiGroups: Required value: resource rules must supply at least one api group`, `rules[0].verbs: Required value`}},
		{"Role", `rules: [{nonResourceURLs: [/metrics], verbs: [get]}]`, []string{`rules[0].nonResourceURLs: Invalid value: ["/metrics"]: namespaced rules cannot apply to non-resource URLs`}},
		{"ClusterRole", `rules: [{nonResourceURLs: [/metrics], verbs: [get]}]`, nil},
		{"RoleBinding", `roleRef: {kind: Thing, name: x}`, []string{`roleRef.kind: Unsupported value: "Thing": supported values: "Role", "ClusterRole"`}},
		{"ClusterRoleBinding", `roleRef: {kind: Role}`, []string{`roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"`, `roleRef.name: Required value`}},
		{"ClusterRoleBinding", `{roleRef: {kind: ClusterRole, name: view}, subjects: [{kind: ServiceAccount, name: a}]}`, []string{`subjects[0].namespace: Required value`}},
		{"Lease", `spec: {leaseDurationSeconds: 0}`, []string{`spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0`}},
		{"PriorityClass", `{metadata: {name: mine}, value: 2000000000}`, []string{`value: Forbidden: maximum allowed value of a user defined priority is 1000000000`}},
		{"PriorityClass", `{metadata: {name: system-node-critical}, value: 2000001000}`, nil},
		{"PriorityClass", `{metadata: {name: system-mine}, value: 1}`,
			[]string{`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class`}},
	} {
		r, obj := decoded(t, c.kind, c.object)
		var got []string
		for _, err := range r.Validate(obj) {
			got = append(got, err.Error())
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s %s: got\n\t%s\nwant\n\t%s", c.kind, c.object, strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
		}
	}
}

func TestRows(t *testing.T) {
	for _, c := range []struct{ kind, object, want string }{
		{"ConfigMap", `{metadata: {name: a}, data: {x: y}, binaryData: {z: AA==}}`, `["a",2,"5m"]`},
		{"Secret", `{metadata: {name: a}, stringData: {x: y}}`, `["a","Opaque",1,"5m"]`},
		{"ServiceAccount", `metadata: {name: a}`, `["a","5m"]`},
		{"Namespace", `metadata: {name: a}`, `["a","Active","5m"]`},
		{"Node", `{metadata: {name: node1, labels: {node-role.kubernetes.io/control-plane: "", node-role.kubernetes.io/a: ""}}, spec: {unschedulable: true}, status: {conditions: [{type: Ready, status: "True"}], addresses: [{type: InternalIP, address: 192.0.2.2}], nodeInfo: {kubeletVersion: v1, osImage: Linux, kernelVersion: "6.1", architecture: amd64, containerRuntimeVersion: c}}}`,
			`["node1","Ready,SchedulingDisabled","a,control-plane","5m","v1","192.0.2.2","<none>","Linux","6.1 (amd64)","c"]`},
		{"Node", `metadata: {name: node1}`, `["node1","Unknown","<none>","5m","","<none>","<none>","<unknown>","<unknown>","<unknown>"]`},
		{"Endpoints", `{metadata: {name: e}, subsets: [{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}], ports: [{port: 80}, {port: 81}]}]}`,
			`["e","10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...","5m"]`},
		{"Event", `{metadata: {name: e}, involvedObject: {kind: Pod, name: p}, reason: R, type: Normal, message: " m\n", count: 3, source: {component: kubelet, host: node1}, firstTimestamp: "2026-01-02T02:04:05Z", lastTimestamp: "2026-01-02T03:04:00Z"}`,
			`["5s","Normal","R","pod/p","","kubelet, node1","m","60m",3,"e"]`},
		{"Event", `{metadata: {name: e}, involvedObject: {kind: Pod, name: p}, reason: R, type: Normal, eventTime: "2026-01-02T03:04:00.000000Z", reportingComponent: c}`,
			`["5s","Normal","R","pod/p","","c","","5s",1,"e"]`},
		{"EndpointSlice", `{metadata: {name: s}, addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2]}, {addresses: [10.0.0.3]}, {addresses: [10.0.0.4]}], ports: [{name: x}]}`,
			`["s","IPv4","x","10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...","5m"]`},
		{"EndpointSlice", `{metadata: {name: s}, addressType: IPv4}`, `["s","IPv4","<unset>","<unset>","5m"]`},
		{"RoleBinding", `{metadata: {name: b}, roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: u}, {kind: User, name: v}, {kind: ServiceAccount, namespace: ns, name: sa}]}`,
			`["b","Role/r","5m","u, v","","ns/sa"]`},
		{"Lease", `{metadata: {name: l}, spec: {holderIdentity: me}}`, `["l","me","5m"]`},
		{"PriorityClass", `{metadata: {name: p}, value: 7}`, `["p",7,false,"5m","PreemptLowerPriority"]`},
	} {
		r, obj := decoded(t, c.kind, c.object)
		var got strings.Builder
		encoder := json.NewEncoder(&got)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(r.Row(obj, now)); err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(got.String()) != c.want {
			t.Errorf("%s: got %s want %s", c.kind, got.String(), c.want)
		}
	}
}

func TestImmutable(t *testing.T) {
	for _, c := range []struct{ kind, before, after, want string }{
		{"ConfigMap", `{immutable: true, data: {a: "1"}}`, `{immutable: true, data: {a: "2"}}`, "data: Forbidden: field is immutable when `immutable` is set"},
		{"ConfigMap", `{immutable: true}`, `{}`, "immutable: Forbidden: field is immutable when `immutable` is set"},
		{"Secret", `{type: Opaque}`, `{type: other}`, `type: Invalid value: "other": field is immutable`},
		{"RoleBinding", `roleRef: {kind: Role, name: a}`, `roleRef: {kind: Role, name: b}`, `roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"b"}: field is immutable`},
		{"PriorityClass", `value: 1`, `value: 2`, `value: Forbidden: may not be changed in an update.`},
		{"EndpointSlice", `addressType: IPv4`, `addressType: IPv6`, `addressType: Invalid value: null: field is immutable`},
		{"Node", `spec: {providerID: a}`, `spec: {providerID: b}`, `spec.providerID: Invalid value: null: field cannot be modified once set`},
	} {
		r, before := decoded(t, c.kind, c.before)
		_, after := decoded(t, c.kind, c.after)
		if errs := r.ValidateUpdate(after, before); len(errs) == 0 || errs[0].Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.kind, errs, c.want)
		}
	}
}
