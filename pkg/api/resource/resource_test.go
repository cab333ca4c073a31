package resource

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func decoded(t *testing.T, r *api.Resource, text string) api.Object {
	t.Helper()
	obj := r.New()
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if r.Default != nil {
		r.Default(obj)
	}
	return obj
}

// created returns an object as a create leaves it.
func created(t *testing.T, r *api.Resource, text string) api.Object {
	t.Helper()
	obj := decoded(t, r, text)
	obj.SetCreationTimestamp(metav1.NewTime(now.Add(-5 * time.Minute)))
	if r.PrepareCreate != nil {
		r.PrepareCreate(api.WithTime(t.Context(), now), obj)
	}
	return obj
}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func texts[E error](errs []E) (out []string) {
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return out
}

func TestTaintRuleRow(t *testing.T) {
	apitest.Row(t, DeviceTaintRule, `{metadata: {name: r}, spec: {taint: {key: k, value: v, effect: NoExecute}}}`, `["r","k","v","NoExecute","","5m"]`)
	apitest.Row(t, DeviceTaintRule, `{metadata: {name: r}, spec: {taint: {key: k, effect: None, timeAdded: "2020-01-01T00:00:00Z"}}}`, `["r","k","","None","6y3d","5m"]`)
}

func TestValidateTemplate(t *testing.T) {
	apitest.Create(t, ResourceClaimTemplate, `spec: {metadata: {labels: {a: b}, name: c, finalizers: [d/e]}, spec: {devices: {requests: [{name: r, exactly: {}}]}}}`,
		"spec.metadata.name: Forbidden: cannot be set", "spec.metadata.finalizers: Forbidden: cannot be set",
		"spec.spec.devices.requests[0].exactly.deviceClassName: Required value")
	const before = `spec: {spec: {devices: {requests: [{name: r, exactly: {deviceClassName: c}}]}}}`
	apitest.Update(t, ResourceClaimTemplate, before, before)
	apitest.Update(t, ResourceClaimTemplate, before, `spec: {metadata: {name: c}}`, "spec.metadata.name: Forbidden: cannot be set",
		`spec: Invalid value: {"name":"c","Spec":{"Devices":{"Requests":null,"Constraints":null,"Config":null}}}: field is immutable`)
}

func TestValidateClaim(t *testing.T) {
	exactly := func(rest string) string {
		return `spec: {devices: {requests: [{name: r, exactly: {deviceClassName: c` + rest + `}}]}}`
	}
	for _, c := range []struct {
		object string
		want   []string
	}{
		{`{}`, nil},
		{exactly(``), nil},
		{`spec: {devices: {requests: [{name: R}]}}`, []string{
			`spec.devices.requests[0].name: Invalid value: "R": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
			"spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required"}},
		{`spec: {devices: {requests: [{name: r, exactly: {}, firstAvailable: [{name: s, deviceClassName: c}]}]}}`, []string{
			"spec.devices.requests[0]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"}},
		{`spec: {devices: {requests: [{name: r, exactly: {}}]}}`, []string{`spec.devices.requests[0].exactly.deviceClassName: Required value`}},
		{exactly(`, allocationMode: All, count: 2`), []string{`spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'`}},
		{exactly(`, count: -1`), []string{`spec.devices.requests[0].exactly.count: Invalid value: -1: must be greater than zero`}},
		{exactly(`, allocationMode: Some`), []string{`spec.devices.requests[0].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"`}},
		{exactly(`, tolerations: [{operator: Exists, value: v}, {key: "!", operator: Nope, effect: X}]`), []string{
			"spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: \"v\": must be empty for operator `Exists`",
			`spec.devices.requests[0].exactly.tolerations[1].key: Invalid value: "!": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
			`spec.devices.requests[0].exactly.tolerations[1].operator: Unsupported value: "Nope": supported values: "Equal", "Exists"`,
			`spec.devices.requests[0].exactly.tolerations[1].effect: Unsupported value: "X": supported values: "NoExecute", "NoSchedule", "None"`}},
		{exactly(`, selectors: [{}]`), []string{`spec.devices.requests[0].exactly.selectors[0].cel: Required value`}},
		{exactly(`, selectors: [{cel: {expression: 'device.driver == "a" && device.attributes["a"].b == 1 && device.allowMultipleAllocations'}}]`), nil},
		{exactly(`, selectors: [{cel: {expression: 'device.driver'}}]`), []string{
			`spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string`}},
		{exactly(`, selectors: [{cel: {expression: 'noSuchVar'}}]`), []string{
			"spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: \"noSuchVar\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'noSuchVar' (in container '')\n | noSuchVar\n | ^"}},
		{exactly(`, selectors: [{cel: {expression: 'device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, a == b && c == d))))'}}]`), []string{
			`spec.devices.requests[0].exactly.selectors[0].cel.expression: Forbidden: too complex, exceeds cost limit`}},
		{`spec: {devices: {requests: [{name: r, firstAvailable: [{name: s}, {name: s, deviceClassName: c}]}]}}`, []string{
			`spec.devices.requests[0].firstAvailable[1]: Duplicate value: {"name":"s","deviceClassName":"c","allocationMode":"ExactCount","count":1}`,
			`spec.devices.requests[0].firstAvailable[0].deviceClassName: Required value`}},
		{`spec: {devices: {requests: [{name: r, firstAvailable: [{name: s, deviceClassName: c}]}], constraints: [{requests: [r/s, r/t, r, a/b/c], matchAttribute: a}, {}]}}`, []string{
			`spec.devices.constraints[0].requests[1]: Invalid value: "r/t": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
			`spec.devices.constraints[0].requests[3]: Invalid value: "a/b/c": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
			`spec.devices.constraints[1]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set`,
			`spec.devices.constraints[0].matchAttribute: Invalid value: "a": a fully qualified name must be a domain and a name separated by a slash`}},
		{`spec: {devices: {config: [{}, {opaque: {driver: A.b, parameters: [1]}}, {requests: [x, x], opaque: {parameters: {}}}]}}`, []string{
			`spec.devices.config[0].opaque: Required value`,
			`spec.devices.config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object`,
			`spec.devices.config[2].requests[0]: Invalid value: "x": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
			`spec.devices.config[2].requests[1]: Invalid value: "x": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
			`spec.devices.config[2].requests[1]: Duplicate value: "x"`,
			`spec.devices.config[2].opaque.driver: Required value`}},
	} {
		expect(t, c.object, texts(ResourceClaim.Validate(created(t, ResourceClaim, c.object))), c.want)
	}
}

func TestClaimIsImmutable(t *testing.T) {
	before := created(t, ResourceClaim, `spec: {devices: {requests: [{name: r, exactly: {deviceClassName: c}}]}}`)
	after := created(t, ResourceClaim, `spec: {devices: {requests: [{name: r, exactly: {deviceClassName: d}}]}}`)
	expect(t, "claim", texts(ResourceClaim.ValidateUpdate(after, before)), []string{`spec: Invalid value: null: field is immutable`})
	expect(t, "same claim", texts(ResourceClaim.ValidateUpdate(before, before)), nil)
}

func TestClaimStatus(t *testing.T) {
	const allocation = `allocation: {devices: {results: [{request: r, driver: d.io, pool: p, device: x}]}}`
	spec := `{spec: {devices: {requests: [{name: r, exactly: {deviceClassName: c}}]}}, status: {`
	for _, c := range []struct {
		before, after string
		want          []string
	}{
		{``, allocation, nil},
		{``, `reservedFor: [{resource: pods, name: a, uid: u}]`, []string{"status.reservedFor: Forbidden: may not be specified when `allocated` is not set"}},
		{allocation, allocation + `, reservedFor: [{}]`, []string{
			`status.reservedFor[0].resource: Required value`, `status.reservedFor[0].name: Required value`, `status.reservedFor[0].uid: Required value`}},
		{allocation, `allocation: {}`, []string{`status.allocation: Invalid value: null: field cannot be modified once set`}},
		{``, `allocation: {devices: {results: [{request: q, driver: "", pool: a//b, device: x, bindingConditions: [c]}], config: [{}]}}`, []string{
			`status.allocation.devices.results[0].request: Invalid value: "q": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
			`status.allocation.devices.results[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions`,
			`status.allocation.devices.config[0].opaque: Required value`,
			`status.allocation.devices.results[0].driver: Required value`,
			`status.allocation.devices.results[0].pool: Invalid value: "a//b": segment 1: must not be empty`,
			`status.allocation.devices.config[0].source: Required value`}},
		{allocation, allocation + `, devices: [{driver: d.io, pool: p, device: z, networkData: {ips: [nope]}}]`, []string{
			`status.devices[0]: Invalid value: {"Driver":"d.io","Pool":"p","Device":"z","ShareID":""}: must be an allocated device in the claim`,
			`status.devices[0].networkData.ips[0]: Invalid value: "nope": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)`}},
	} {
		before, body := decoded(t, ResourceClaim, spec+c.before+`}}`), decoded(t, ResourceClaim, spec+c.after+`}}`)
		after := before.DeepCopyObject().(api.Object)
		if err := ResourceClaim.Subresources[0].Put(context.Background(), after, body); err != nil {
			t.Fatal(err)
		}
		expect(t, c.after, texts(ResourceClaim.Subresources[0].Validate(after, before)), c.want)
	}
}

// TestDeallocation checks that what drivers said of devices goes with them.
func TestDeallocation(t *testing.T) {
	const devices = `devices: [{driver: d.io, pool: p, device: x}]`
	parent := decoded(t, ResourceClaim, `status: {allocation: {devices: {results: [{request: r, driver: d.io, pool: p, device: x}]}}, `+devices+`}`)
	body := decoded(t, ResourceClaim, `status: {`+devices+`}`)
	if err := ResourceClaim.Subresources[0].Put(context.Background(), parent, body); err != nil {
		t.Fatal(err)
	}
	if left := parent.(*resourcev1.ResourceClaim).Status; left.Devices != nil || left.Allocation != nil {
		t.Errorf("left: %+v", left)
	}
}

func TestValidateSlice(t *testing.T) {
	const head = `driver: d.io, pool: {name: p, resourceSliceCount: 1}, `
	device := func(rest string) string {
		return `spec: {` + head + `allNodes: true, devices: [{name: x` + rest + `}]}`
	}
	for _, c := range []struct {
		object string
		want   []string
	}{
		{device(``), nil},
		{`spec: {driver: D.io, pool: {name: a/b, resourceSliceCount: 1}, nodeName: n}`, nil},
		{`{}`, []string{
			`spec.driver: Required value`, `spec.pool.name: Required value`,
			`spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero`,
			"spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"}},
		{`spec: {` + head + `nodeName: "", allNodes: false}`, []string{
			`spec.nodeName: Invalid value: "": must be either unset or set to a non-empty string`,
			`spec.allNodes: Invalid value: false: must be either unset or set to true`,
			"spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"}},
		{`spec: {` + head + `nodeName: n, allNodes: true}`, []string{
			"spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"}},
		{`spec: {` + head + `nodeSelector: {}}`, []string{
			`spec.nodeSelector.nodeSelectorTerms: Required value: must have at least one node selector term`,
			`spec.nodeSelector.nodeSelectorTerms: Invalid value: null: must have exactly one node selector term`}},
		{`spec: {` + head + `allNodes: true, devices: [{name: x}, {name: x}]}`, []string{`spec.devices[1]: Duplicate value: "x"`}},
		{device(`, attributes: {a: {int: 1}, d.io/b: {string: s}, c: {version: "1.2"}, a/b/c: {bool: true}, e: {}, f: {int: 1, bool: true}}`), []string{
			`spec.devices[0].attributes: Invalid value: "a/b/c": must not contain more than one slash`,
			`spec.devices[0].attributes[c].version: Invalid value: "1.2": must be a string compatible with semver.org spec 2.0.0`,
			"spec.devices[0].attributes[e]: Invalid value: \"\": must specify one of: `int`, `bool`, `string`, `version`, `ints`, `bools`, `strings`, `versions`",
			"spec.devices[0].attributes[f]: Invalid value: \"{int, bool}\": must specify exactly one of: `int`, `bool`, `string`, `version`, `ints`, `bools`, `strings`, `versions`"}},
		{device(`, taints: [{key: a b, effect: X}], consumesCounters: [{}]`), []string{
			"spec.devices[0].taints[0].key: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
			"spec.devices[0].consumesCounters[0].counterSet: Required value", "spec.devices[0].consumesCounters[0].counters: Required value",
			`spec.devices[0].taints[0].effect: Unsupported value: "X": supported values: "NoExecute", "NoSchedule", "None"`}},
		{device(`, nodeName: n`), []string{
			"spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"}},
		{`spec: {` + head + `perDeviceNodeSelection: true, devices: [{name: x}]}`, []string{
			"spec.devices[0]: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"}},
		{device(`, taints: [{key: a/b, effect: NoSchedule}, {}]`), []string{
			`spec.devices[0].taints[1].key: Invalid value: "": name part must be non-empty`,
			`spec.devices[0].taints[1].key: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
			`spec.devices[0].taints[1].effect: Required value`}},
		{device(`, capacity: {m: {value: 1Gi, requestPolicy: {}}}`), []string{`spec.devices[0].capacity[m].requestPolicy: Forbidden: allowMultipleAllocations must be true`}},
		{device(`, allowMultipleAllocations: true, capacity: {m: {value: "10", requestPolicy: {default: "3", validValues: ["2", "1", "20"]}}}`), []string{
			`spec.devices[0].capacity[m].requestPolicy.validValues[1]: Invalid value: "1": values must be sorted in ascending order`,
			`spec.devices[0].capacity[m].requestPolicy.validValues[2]: Invalid value: "20": option is larger than capacity value: 10`,
			`spec.devices[0].capacity[m].requestPolicy.validValues: Invalid value: "3": default value is not valid according to the requestPolicy`}},
		{device(`, allowMultipleAllocations: true, capacity: {m: {value: "10", requestPolicy: {default: "4", validRange: {min: "1", max: "9", step: "2"}}}}`), []string{
			`spec.devices[0].capacity[m].requestPolicy.validRange.step: Invalid value: "4": value is not a multiple of a given step (2) from (1)`}},
		{device(`, consumesCounters: [{}]`), []string{
			`spec.devices[0].consumesCounters[0].counterSet: Required value`, `spec.devices[0].consumesCounters[0].counters: Required value`}},
		{`spec: {` + head + `allNodes: true, sharedCounters: [{name: s, counters: {c: {value: "1"}}}], devices: []}`, []string{"spec: Invalid value: \"\": only one of `sharedCounters` or `devices` is allowed"}},
	} {
		expect(t, c.object, texts(ResourceSlice.Validate(created(t, ResourceSlice, c.object))), c.want)
	}
}

func TestValidateClassAndTaintRule(t *testing.T) {
	for _, c := range []struct {
		resource *api.Resource
		object   string
		want     []string
	}{
		{DeviceClass, `{}`, nil},
		{DeviceClass, `spec: {selectors: [{cel: {expression: "true"}}], config: [{}], extendedResourceName: a}`, []string{
			`spec.config[0].opaque: Required value`,
			`spec.extendedResourceName: Invalid value: "a": a name must be a domain-prefixed path, such as 'example.com/my-prop'`}},
		{DeviceTaintRule, `spec: {taint: {key: a, effect: Never}, deviceSelector: {driver: "", pool: p}}`, []string{
			`spec.deviceSelector.driver: Required value`, `spec.taint.effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"`}},
		{ResourceClaimTemplate, `spec: {metadata: {labels: {"!": a}}, spec: {devices: {requests: [{name: r, exactly: {}}]}}}`, []string{
			`spec.metadata.labels: Invalid value: "!": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
			`spec.spec.devices.requests[0].exactly.deviceClassName: Required value`}},
	} {
		expect(t, c.object, texts(c.resource.Validate(created(t, c.resource, c.object))), c.want)
	}
}

// TestStoredSelectors checks that selectors that were valid stay so.
func TestStoredSelectors(t *testing.T) {
	class := created(t, DeviceClass, `spec: {selectors: [{cel: {expression: "once.valid()"}}]}`)
	expect(t, "unchanged", texts(DeviceClass.ValidateUpdate(class, class)), nil)
	if errs := DeviceClass.ValidateUpdate(class, created(t, DeviceClass, `{}`)); len(errs) != 1 {
		t.Errorf("new selector: %v", errs)
	}
}

func TestTaintTime(t *testing.T) {
	before := created(t, DeviceTaintRule, `spec: {taint: {key: a, effect: NoSchedule}}`).(*resourcev1.DeviceTaintRule)
	if before.Spec.Taint.TimeAdded == nil || !before.Spec.Taint.TimeAdded.Time.Equal(now) {
		t.Fatalf("added at %v", before.Spec.Taint.TimeAdded)
	}
	later := api.WithTime(t.Context(), now.Add(time.Hour))
	after := before.DeepCopy()
	after.Spec.Taint.Value = "v"
	DeviceTaintRule.PrepareUpdate(later, after, before)
	if !after.Spec.Taint.TimeAdded.Equal(before.Spec.Taint.TimeAdded) || after.Generation != 2 {
		t.Errorf("another value: %+v", after)
	}
	after.Spec.Taint.Effect = resourcev1.DeviceTaintEffectNoExecute
	DeviceTaintRule.PrepareUpdate(later, after, before)
	if !after.Spec.Taint.TimeAdded.Time.Equal(now.Add(time.Hour)) {
		t.Errorf("another effect: %v", after.Spec.Taint.TimeAdded)
	}
}

func TestDefaultsRowsAndFields(t *testing.T) {
	claim := created(t, ResourceClaim, `{metadata: {name: a}, spec: {devices: {requests: [{name: r, exactly: {deviceClassName: c, tolerations: [{key: k}], derivedAttributes: [{name: x/y, expression: e}]}}]}}}`)
	if got, err := json.Marshal(claim.(*resourcev1.ResourceClaim).Spec); err != nil ||
		string(got) != `{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"c","allocationMode":"ExactCount","count":1,"tolerations":[{"key":"k","operator":"Equal"}]}}]}}` {
		t.Errorf("defaults: %s (%v)", got, err)
	}
	slice := created(t, ResourceSlice, `{metadata: {name: s}, spec: {driver: d, nodeName: m, pool: {name: p}}}`)
	for _, c := range []struct {
		resource *api.Resource
		object   api.Object
		want     string
	}{
		{ResourceClaim, claim, `["a","pending","5m"]`},
		{ResourceClaim, decoded(t, ResourceClaim, `{metadata: {name: a}, status: {allocation: {}, reservedFor: [{}]}}`), `["a","allocated,reserved","\u003cunknown\u003e"]`},
		{ResourceSlice, slice, `["s","m","d","p","5m"]`},
	} {
		if got, err := json.Marshal(c.resource.Row(c.object, now)); err != nil || string(got) != c.want {
			t.Errorf("got %s, want %s (%v)", got, c.want, err)
		}
	}
	if got := ResourceSlice.Fields(slice).String(); got != "spec.driver=d,spec.nodeName=m,spec.pool.name=p" {
		t.Errorf("fields: %s", got)
	}
	upper := created(t, ResourceSlice, `spec: {driver: D}`)
	expect(t, "warnings", ResourceSlice.Warnings(t.Context(), upper, nil), []string{`spec.driver: driver names should be lowercase; "D" contains uppercase characters`})
}
