package storagemigration

import (
	"testing"

	storagemigrationv1 "k8s.io/api/storagemigration/v1"

	"slowmo/pkg/api/apitest"
)

// TestValidate holds the words that kube-apiserver 1.37 answers with.
func TestValidate(t *testing.T) {
	r := StorageVersionMigration
	apitest.Create(t, r, `spec: {resource: {group: apps, resource: deployments}}`)
	apitest.Create(t, r, `{}`, `spec.resource.resource: Required value: resource is required to be set`)
	apitest.Create(t, r, `spec: {resource: {group: "A", resource: pods}}`,
		`spec.resource.group: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`)
	apitest.Update(t, r, `spec: {resource: {resource: pods}}`, `spec: {resource: {resource: secrets}}`,
		`spec: Invalid value: {"Resource":{"group":"","resource":"secrets"}}: field is immutable`)
}

func TestStatus(t *testing.T) {
	const time = `reason: R, lastTransitionTime: "2026-01-02T03:04:05Z"`
	for _, c := range []struct{ before, after, want string }{
		{`{}`, `{resourceVersion: "5", conditions: [{type: Running, status: "True", ` + time + `}]}`, ""},
		{`{}`, `{resourceVersion: x}`, `status.resourceVersion: Invalid value: "x": resource version is not well formed: x`},
		{`{resourceVersion: "5"}`, `{resourceVersion: "6"}`, `status.resourceVersion: Invalid value: "6": field is immutable`},
		{`{}`, `{conditions: [{type: Succeeded, status: "True", ` + time + `}, {type: Failed, status: "True", ` + time + `}]}`,
			`status.conditions: Invalid value: [{"type":"Succeeded","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"R","message":""},{"type":"Failed","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"R","message":""}]: Both success and failed conditions cannot be true at the same time`},
		{`{conditions: [{type: Failed, status: "True"}]}`, `{}`, `status.conditions: Invalid value: null: Failed condition cannot be set to false once it is true`},
	} {
		object := func(status string) *storagemigrationv1.StorageVersionMigration {
			return apitest.Object[*storagemigrationv1.StorageVersionMigration](t, StorageVersionMigration, `status: `+status)
		}
		_, err := apitest.Put(t, StorageVersionMigration, "status", object(c.before), object(c.after))
		if got := text(err); got != c.want {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", c.after, got, c.want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRow(t *testing.T) {
	apitest.Row(t, StorageVersionMigration, `{metadata: {name: m}, spec: {resource: {group: apps, resource: deployments}}, status: {conditions: [{type: Running, status: "False"}, {type: Succeeded, status: "True"}]}}`,
		`["m","deployments.apps","Succeeded"]`)
	apitest.Row(t, StorageVersionMigration, `{metadata: {name: m}, spec: {resource: {resource: pods}}}`, `["m","pods","Unknown"]`)
}
