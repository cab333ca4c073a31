package discovery

import (
	"strings"
	"testing"

	"slowmo/pkg/api/apitest"
)

const subdomain = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`

func TestValidateSlice(t *testing.T) {
	for object, want := range map[string][]string{
		`{addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}], ports: [{port: 70000}]}`: nil,
		`{endpoints: [{addresses: []}], ports: [{protocol: X}]}`: {
			`ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"`, "addressType: Required value", "endpoints[0].addresses: Required value"},
		`{addressType: Foo, endpoints: [{addresses: [x]}]}`: {`addressType: Unsupported value: "Foo": supported values: "FQDN", "IPv4", "IPv6"`},
		`{addressType: IPv4, endpoints: [{addresses: [010.0.0.1, "fd00::1", 127.0.0.1]}]}`: {`endpoints[0].addresses[0]: Invalid value: "010.0.0.1": must not have leading 0s`, `endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address`,
			`endpoints[0].addresses[2]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`},
		`{addressType: IPv6, endpoints: [{addresses: ["FD00::1"]}]}`: {`endpoints[0].addresses[0]: Invalid value: "FD00::1": must be in canonical form ("fd00::1")`},
		`{addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forZones: [{name: z}, {name: z}], forNodes: [{name: A_}, {name: b}, {name: b}]}}]}`: {
			`endpoints[0].hints.forZones[1].name: Duplicate value: "z"`, `endpoints[0].hints.forNodes[0].name: Invalid value: "A_": ` + subdomain, `endpoints[0].hints.forNodes[2].name: Duplicate value: "b"`},
		`{addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forZones: [` + strings.Repeat("{name: z}, ", 9) + `]}}]}`: {"endpoints[0].hints.forZones: Too many: 9: must have at most 8 items"},
		`{addressType: IPv4, ports: [{name: a}, {name: a}]}`:                                                                       {`ports[1].name: Duplicate value: "a"`},
	} {
		apitest.Create(t, EndpointSlice, object, want...)
	}
}

func TestValidateSliceUpdate(t *testing.T) {
	const before = `{addressType: IPv4, endpoints: [{addresses: [127.0.0.1]}]}`
	apitest.Update(t, EndpointSlice, before, `{addressType: IPv4, endpoints: [{addresses: [127.0.0.1]}], ports: [{port: 1}]}`)
	apitest.Update(t, EndpointSlice, before, `{addressType: IPv4, endpoints: [{addresses: [127.0.0.1]}, {}]}`,
		`endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`, "endpoints[1].addresses: Required value")
	apitest.Update(t, EndpointSlice, before, `{endpoints: [{addresses: [127.0.0.1]}], ports: [{protocol: X}]}`,
		`ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"`, "addressType: Required value", "addressType: Invalid value: null: field is immutable")
	apitest.Update(t, EndpointSlice, before, `{addressType: X, endpoints: [{addresses: [127.0.0.1]}]}`,
		`addressType: Unsupported value: "X": supported values: "FQDN", "IPv4", "IPv6"`, "addressType: Invalid value: null: field is immutable")
}

func TestSliceWarnings(t *testing.T) {
	apitest.Warnings(t, EndpointSlice, "", `{addressType: FQDN, endpoints: [{addresses: [a.b]}]}`, "spec.addressType: FQDN endpoints are deprecated")
	apitest.Warnings(t, EndpointSlice, `{addressType: FQDN}`, `{addressType: FQDN}`)
	const legacy = `addressType: IPv4, endpoints: [{addresses: [010.0.0.1]}]}`
	apitest.Warnings(t, EndpointSlice, "", `{`+legacy, `endpoints[0].addresses[0]: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"`)
	apitest.Warnings(t, EndpointSlice, "", `{metadata: {labels: {endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}}, `+legacy)
}

func TestSliceRow(t *testing.T) {
	apitest.Row(t, EndpointSlice, `{metadata: {name: s}, addressType: IPv4}`, `["s","IPv4","<unset>","<unset>","5m"]`)
	apitest.Row(t, EndpointSlice, `{metadata: {name: s}, addressType: IPv4, ports: [{}], endpoints: [{addresses: [a, b]}, {addresses: [c, d]}]}`,
		`["s","IPv4","<unset>","a,b,c + 1 more...","5m"]`)
	apitest.Row(t, EndpointSlice, `{metadata: {name: s}, addressType: IPv4, ports: [{port: 1}, {name: x}]}`, `["s","IPv4","1,x","<unset>","5m"]`)
}
