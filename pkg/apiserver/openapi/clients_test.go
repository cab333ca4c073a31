package openapi

import (
	"strings"
	"testing"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	openapi "k8s.io/kube-openapi/pkg/util/proto"
	"k8s.io/kube-openapi/pkg/util/proto/validation"
	"sigs.k8s.io/yaml"
)

// TestOldClients reads the document as kubectl before 1.27 does, which
// validates and explains by it.
func TestOldClients(t *testing.T) {
	var doc openapi_v2.Document
	if err := proto.Unmarshal(get(t, handler(), "/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	models, err := openapi.NewOpenAPIData(&doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ model, object, want string }{
		{"io.k8s.api.apps.v1.Deployment", `{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {replicas: 1, selector: {matchLabels: {a: b}}, strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 10%}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i, resources: {limits: {memory: 1Gi}}}]}}}}`, ""},
		{"io.k8s.api.core.v1.Secret", `{apiVersion: v1, kind: Secret, data: {a: YQ==}}`, ""},
		{"io.k8s.api.rbac.v1.ClusterRole", `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: x}}`, ""},
		{"io.k8s.api.core.v1.Pod", `{apiVersion: v1, kind: Pod, spec: {containers: [{name: c, nonsense: 1}]}}`, `unknown field "nonsense" in io.k8s.api.core.v1.Container`},
		{"io.k8s.api.core.v1.Pod", `{apiVersion: v1, kind: Pod, spec: {}}`, `missing required field "containers" in io.k8s.api.core.v1.PodSpec`},
		{"io.k8s.api.core.v1.Pod", `{apiVersion: v1, kind: Pod, spec: {containers: [{name: c, ports: [{containerPort: x}]}]}}`, `invalid type for io.k8s.api.core.v1.ContainerPort.containerPort: got "string", expected "integer"`},
	} {
		var object any
		if err := yaml.Unmarshal([]byte(c.object), &object); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, err := range validation.ValidateModel(object, models.LookupModel(c.model), c.model) {
			got = append(got, err.Error())
		}
		if text := strings.Join(got, "; "); c.want == "" && text != "" || !strings.Contains(text, c.want) {
			t.Errorf("%s: got %q, want %q", c.object, text, c.want)
		}
	}
}
