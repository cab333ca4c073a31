package apiserver

import (
	"net/http"
	"testing"
)

// An answer names the stored objects by which the request was let in.
func TestFlowSchemaHeaders(t *testing.T) {
	flow := "/apis/flowcontrol.apiserver.k8s.io/v1/"
	uid := func(path string) any { return do(t, "GET", flow+path, "").at("metadata.uid") }
	level := do(t, "POST", flow+"prioritylevelconfigurations", `{"metadata":{"name":"alices"},"spec":{"type":"Limited","limited":{"limitResponse":{"type":"Reject"}}}}`)
	schema := do(t, "POST", flow+"flowschemas", `{"metadata":{"name":"alices"},"spec":{"matchingPrecedence":3,"priorityLevelConfiguration":{"name":"alices"},
		"rules":[{"subjects":[{"kind":"User","user":{"name":"alice"}}],"nonResourceRules":[{"verbs":["get"],"nonResourceURLs":["/version"]}]}]}}`)
	if level.code != http.StatusCreated || schema.code != http.StatusCreated {
		t.Fatalf("%s %s", level.raw, schema.raw)
	}
	(&started{client: server.client, url: server.url}).awaitField(t, flow+"flowschemas/alices", "status.conditions.0") // it is followed by then
	for _, tt := range []struct {
		token, path   string
		schema, level any
	}{
		{"admin-token", "/version", uid("flowschemas/exempt"), uid("prioritylevelconfigurations/exempt")},
		{"alice-token", "/version", schema.at("metadata.uid"), level.at("metadata.uid")},
		{"alice-token", "/api", uid("flowschemas/global-default"), uid("prioritylevelconfigurations/global-default")},
	} {
		got := do(t, "GET", tt.path, "", "Authorization: Bearer "+tt.token)
		if got.header.Get("X-Kubernetes-PF-FlowSchema-UID") != tt.schema || got.header.Get("X-Kubernetes-PF-PriorityLevel-UID") != tt.level {
			t.Errorf("%s of %s: %v, want %v and %v", tt.path, tt.token, got.header, tt.schema, tt.level)
		}
	}
}
