package apiextensions

import (
	"encoding/json"
	"testing"
)

// What is stored in the older form is read as the newer one.
func TestBeta(t *testing.T) {
	for stored, want := range map[string]string{
		// As kube-apiserver stores a definition whose versions have all in common.
		`{"group":"g","version":"v1","names":{"plural":"ps","kind":"P"},"scope":"Namespaced","validation":{"openAPIV3Schema":{"type":"object"}},
			"subresources":{"status":{}},"versions":[{"name":"v1","served":true,"storage":true},{"name":"v2","served":true,"storage":false}],
			"additionalPrinterColumns":[{"name":"a","type":"string","JSONPath":".spec.a"}],"selectableFields":[{"jsonPath":".spec.b"}],
			"conversion":{"strategy":"None"},"preserveUnknownFields":false}`: `{"group":"g","names":{"plural":"ps","kind":"P"},"scope":"Namespaced","versions":[` +
			`{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}},"subresources":{"status":{}},"additionalPrinterColumns":[{"name":"a","type":"string","jsonPath":".spec.a"}],"selectableFields":[{"jsonPath":".spec.b"}]},` +
			`{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object"}},"subresources":{"status":{}},"additionalPrinterColumns":[{"name":"a","type":"string","jsonPath":".spec.a"}],"selectableFields":[{"jsonPath":".spec.b"}]}],` +
			`"conversion":{"strategy":"None"}}`,
		// Versions that differ have their own; a webhook's fields were not in one place.
		`{"group":"g","version":"v1","names":{"plural":"ps","kind":"P"},"scope":"Cluster","versions":[
			{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}},"additionalPrinterColumns":[{"name":"a","type":"string","JSONPath":".a"}]},
			{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object","description":"2"}}}],
			"conversion":{"strategy":"Webhook","webhookClientConfig":{"url":"https://h"},"conversionReviewVersions":["v1"]},"preserveUnknownFields":false}`: `{"group":"g","names":{"plural":"ps","kind":"P"},"scope":"Cluster","versions":[` +
			`{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}},"additionalPrinterColumns":[{"name":"a","type":"string","jsonPath":".a"}]},` +
			`{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"description":"2","type":"object"}}}],` +
			`"conversion":{"strategy":"Webhook","webhook":{"clientConfig":{"url":"https://h"},"conversionReviewVersions":["v1"]}}}`,
		// The oldest ones have a single version, and keep what they do not know.
		`{"group":"g","version":"v1","names":{"plural":"ps","kind":"P"},"scope":"Cluster"}`: `{"group":"g","names":{"plural":"ps","kind":"P"},"scope":"Cluster",` +
			`"versions":[{"name":"v1","served":true,"storage":true}],"preserveUnknownFields":true}`,
	} {
		read := beta.New()
		if err := json.Unmarshal([]byte(`{"apiVersion":"apiextensions.k8s.io/v1beta1","metadata":{"name":"ps.g"},"spec":`+stored+`}`), read); err != nil {
			t.Fatal(err)
		}
		obj, err := beta.From(read)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Spec json.RawMessage }
		if err := json.Unmarshal(text, &got); err != nil || string(got.Spec) != want || obj.GetName() != "ps.g" {
			t.Errorf("%s\nis read as\n%s\nwant\n%s", stored, got.Spec, want)
		}
	}
}
