package apiserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"testing"
)

// TestCertificateRequest takes a request through its life: the server notes who
// asks, approval writes conditions and owns them, and nothing takes one back.
func TestCertificateRequest(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	const all = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
	merge := []string{"Content-Type: application/merge-patch+json"}
	body := fmt.Sprintf(`{"metadata":{"name":"csr","labels":{"a":"b"}},"spec":{"request":%q,"signerName":"example.com/s","usages":["client auth"],"username":"mallory"}}`, text)
	run(t, []exchange{
		{"create", "POST", all, body, nil, 201, map[string]any{"spec.username": "admin",
			"metadata.managedFields.0.fieldsV1.f:spec": nil}, nil},
		{"by signer", "GET", all + "?fieldSelector=spec.signerName%3Dexample.com/s", "", nil, 200, map[string]any{"items.0.metadata.name": "csr"}, nil},
		{"by another signer", "GET", all + "?fieldSelector=spec.signerName%3Dexample.com/t", "", nil, 200, map[string]any{"items.0": nil}, nil},
		{"approve", "PATCH", all + "/csr/approval", `{"status":{"conditions":[{"type":"Approved","status":"True"}]}}`, merge, 200, map[string]any{
			"status.conditions.0.type": "Approved", "metadata.managedFields.1.subresource": "approval"}, nil},
		{"take it back", "PATCH", all + "/csr/approval", `{"status":{"conditions":[]}}`, merge, 422, map[string]any{
			"details.causes.0.message": `Forbidden: updates may not remove a condition of type "Approved"`}, nil},
		{"an update leaves it", "PATCH", all + "/csr", `{"spec":{"username":"mallory"},"status":{"conditions":[]}}`, merge, 200, map[string]any{
			"status.conditions.0.type": "Approved", "spec.username": "admin"}, nil},
	})
}

// TestAPIServices applies an APIService and writes its status. The server's own
// are there already.
func TestAPIServices(t *testing.T) {
	const all = "/apis/apiregistration.k8s.io/v1/apiservices"
	apply := []string{"Content-Type: application/apply-patch+yaml"}
	run(t, []exchange{
		{"a local one", "GET", all + "/v1.apps", "", nil, 200, map[string]any{"spec.groupPriorityMinimum": 17800, "status.conditions.0.reason": "Local"}, nil},
		{"apply", "PATCH", all + "/v1.example.com?fieldManager=me", `{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.example.com},
			spec: {group: example.com, version: v1, groupPriorityMinimum: 1, versionPriority: 1, service: {namespace: a, name: b}}}`, apply, 201,
			map[string]any{"spec.service.port": 443, "status.conditions": nil, "metadata.managedFields.0.manager": "me"}, nil},
		{"apply the status", "PATCH", all + "/v1.example.com/status?fieldManager=me", `{apiVersion: apiregistration.k8s.io/v1, kind: APIService,
			metadata: {name: v1.example.com, labels: {a: b}}, status: {conditions: [{type: Available, status: "False"}]}}`, apply, 200,
			map[string]any{"metadata.labels": nil, "status.conditions.0.status": "False", "metadata.managedFields.1.fieldsV1.f:metadata": nil}, nil},
		{"another name", "POST", all, `{"metadata":{"name":"x"},"spec":{"group":"g","version":"v1","groupPriorityMinimum":1,"versionPriority":1}}`, nil, 422,
			map[string]any{"details.causes.0.field": "metadata.name"}, nil},
	})
}
