package apiregistration

import (
	"testing"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

// TestValidate holds the words that kube-apiserver 1.37 answers with.
func TestValidate(t *testing.T) {
	const priorities = `groupPriorityMinimum: 1, versionPriority: 1`
	apitest.Create(t, APIService, `{metadata: {name: v1.a.b}, spec: {group: a.b, version: v1, service: {namespace: ns, name: s}, `+priorities+`}}`)
	apitest.Create(t, APIService, `{metadata: {name: v1.}, spec: {version: v1, `+priorities+`}}`)
	apitest.Create(t, APIService, `{metadata: {name: x}, spec: {group: a, version: v1, `+priorities+`}}`,
		"metadata.name: Invalid value: \"x\": must be `spec.version+\".\"+spec.group`: \"v1.a\"")
	apitest.Create(t, APIService, `{metadata: {name: v2.}, spec: {version: v2, groupPriorityMinimum: 20001, caBundle: AAAA, insecureSkipTLSVerify: true}}`,
		`spec.group: Required value: only v1 may have an empty group and it better be legacy kube`,
		`spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000`,
		`spec.versionPriority: Invalid value: 0: must be positive and less than 1000`,
		`spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle`,
		`spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify`)
	apitest.Create(t, APIService, `{metadata: {name: v1.a}, spec: {group: a, version: v1, service: {port: 0}, caBundle: AAAA, insecureSkipTLSVerify: true, `+priorities+`}}`,
		`spec.service.namespace: Required value`, `spec.service.name: Required value`,
		`spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive`,
		`spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present`)
}

func TestLocalIsAvailable(t *testing.T) {
	s := apitest.Object[*apiregistrationv1.APIService](t, APIService, `spec: {service: {name: s}}`)
	if *s.Spec.Service.Port != 443 {
		t.Errorf("port %d", *s.Spec.Service.Port)
	}
	APIService.PrepareCreate(t.Context(), s)
	if len(s.Status.Conditions) > 0 {
		t.Errorf("a remote service is available at once: %v", s.Status)
	}
	s.Spec.Service = nil
	APIService.PrepareCreate(api.WithTime(t.Context(), apitest.Now), s)
	if c := s.Status.Conditions; len(c) != 1 || c[0].Reason != "Local" || !c[0].LastTransitionTime.Time.Equal(apitest.Now) {
		t.Errorf("%+v", c)
	}
}

func TestStatus(t *testing.T) {
	stored := apitest.Object[*apiregistrationv1.APIService](t, APIService, `metadata: {name: v1.a}`)
	body := apitest.Object[*apiregistrationv1.APIService](t, APIService, `{metadata: {name: v1.a, labels: {a: b}}, spec: {group: x}, status: {conditions: [{type: Available, status: Maybe}]}}`)
	got, err := apitest.Put(t, APIService, "status", stored, body)
	if got.Labels != nil || got.Spec.Group != "" || len(got.Status.Conditions) != 1 {
		t.Errorf("%+v", got)
	}
	if want := `status.conditions[0].status: Unsupported value: "Maybe": supported values: "True", "False", "Unknown"`; err == nil || err.Error() != want {
		t.Errorf("got %v want %s", err, want)
	}
}

func TestRow(t *testing.T) {
	apitest.Row(t, APIService, `metadata: {name: v1.a}`, `["v1.a","Local","Unknown","5m"]`)
	apitest.Row(t, APIService, `{metadata: {name: v1.a}, spec: {service: {namespace: ns, name: s}}, status: {conditions: [{type: Available, status: "False", reason: R}]}}`,
		`["v1.a","ns/s","False (R)","5m"]`)
	apitest.Row(t, APIService, `{metadata: {name: v1.a}, status: {conditions: [{type: Available, status: "True", reason: Local}]}}`, `["v1.a","Local","True","5m"]`)
}
