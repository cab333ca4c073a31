package apiserver

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
)

// A server with a policy writes bodies as JSON, whatever they came and went in.
func TestAuditPolicy(t *testing.T) {
	dir := t.TempDir()
	o, err := testOptions(dir)
	if err != nil {
		t.Fatal(err)
	}
	o.DisableAdmission = []string{"ServiceAccount"}
	o.AuditLogPath, o.AuditPolicyFile = filepath.Join(dir, "audit.log"), filepath.Join(dir, "policy.yaml")
	policy := `{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "omitManagedFields": true, "rules": [
		{"level": "RequestResponse", "users": ["admin"], "resources": [{"resources": ["configmaps"]}]},
		{"level": "Metadata", "users": [""]},
		{"level": "None"}]}`
	if err := os.WriteFile(o.AuditPolicyFile, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := launch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	one := s.url + "/api/v1/namespaces/default/configmaps"
	mergePatch := "application/merge-patch+json"
	for _, send := range []struct{ method, path, body, contentType, token string }{
		{"POST", "", "metadata: {name: a}\ndata: {k: v}", "application/yaml", "admin-token"},
		{"PATCH", "/a", `{"data":{"k":"w"}}`, mergePatch, "admin-token"},
		{"GET", "", "", "", "admin-token"},
		{"DELETE", "/a", `{"gracePeriodSeconds":0}`, "application/json", "admin-token"},
		{"GET", "/a", "", "", "admin-token"},
		{"GET", "/a", "", "", "alice-token"},
		{"GET", "/a", "", "", "wrong"},
	} {
		if _, err := s.send(send.method, one+send.path, send.body, "Content-Type: "+send.contentType, "Authorization: Bearer "+send.token,
			"Accept: "+runtime.ContentTypeProtobuf); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(o.AuditLogPath)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(data)) {
		var e struct {
			Verb, Level                   string
			User                          struct{ Username string }
			RequestObject, ResponseObject struct {
				Kind string
				Data map[string]string
			}
			ObjectRef      struct{ Name, Namespace string }
			ResponseStatus struct {
				Code           int
				Status, Reason string
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "managedFields") {
			t.Errorf("managed fields: %s", line)
		}
		got = append(got, fmt.Sprintf("%s %s %s/%s %s %s%v -> %s%v %d%s%s", e.User.Username, e.Verb, e.ObjectRef.Namespace, e.ObjectRef.Name, e.Level,
			e.RequestObject.Kind, e.RequestObject.Data, e.ResponseObject.Kind, e.ResponseObject.Data,
			e.ResponseStatus.Code, e.ResponseStatus.Status, e.ResponseStatus.Reason))
	}
	want := []string{
		"admin create default/a RequestResponse ConfigMapmap[k:v] -> ConfigMapmap[k:v] 201",
		"admin patch default/a RequestResponse map[k:w] -> ConfigMapmap[k:w] 200",
		"admin list default/ RequestResponse map[] -> ConfigMapListmap[] 200",
		"admin delete default/a RequestResponse DeleteOptionsmap[] -> Statusmap[] 200Success",
		"admin get default/a RequestResponse map[] -> Statusmap[] 404FailureNotFound",
		" get default/a Metadata map[] -> map[] 401FailureUnauthorized",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
