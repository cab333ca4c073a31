package apiserver

import (
	"net/http"
	"strings"
	"testing"
)

const (
	mergeType     = "Content-Type: application/merge-patch+json"
	strategicType = "Content-Type: application/strategic-merge-patch+json"
	jsonPatchType = "Content-Type: application/json-patch+json"
	applyType     = "Content-Type: application/apply-patch+yaml"
)

const deployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":2,
"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i:1"}]}}}}`

// What kube-apiserver answers, as recorded from it, in one life of an object.
func TestLifeOfAnObject(t *testing.T) {
	all := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	one := all + "/a"
	run(t, []exchange{
		{"create", "POST", all, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}}`, nil, 201,
			map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "metadata.name": "a", "data.k": "v"}, []string{}},
		{"create again", "POST", all, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`, nil, 409,
			map[string]any{"message": `configmaps "a" already exists`, "reason": "AlreadyExists", "details.kind": "configmaps"}, nil},
		{"get", "GET", one, "", nil, 200, map[string]any{"kind": "ConfigMap", "data.k": "v"}, nil},
		{"list", "GET", all, "", nil, 200, map[string]any{"kind": "ConfigMapList", "items.0.metadata.name": "a", "items.0.kind": nil}, nil},
		{"update", "PUT", one, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"w"}}`, nil, 200,
			map[string]any{"data.k": "w"}, nil},
		{"stale update", "PUT", one, `{"metadata":{"name":"a","resourceVersion":"1"}}`, nil, 409,
			map[string]any{"reason": "Conflict", "message": `Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again`}, nil},
		{"update another name", "PUT", one, `{"metadata":{"name":"b"}}`, nil, 400,
			map[string]any{"message": "the name of the object (b) does not match the name on the URL (a)"}, nil},
		{"update without name", "PUT", one, `{}`, nil, 400, map[string]any{"message": "the name of the object (a based on URL) was undeterminable: name must be provided"}, nil},
		{"update what is not there", "PUT", all + "/none", `{"metadata":{"name":"none"}}`, nil, 404,
			map[string]any{"message": `configmaps "none" not found`}, nil},
		{"json patch", "PATCH", one, `[{"op":"add","path":"/data/n","value":"1"}]`, []string{jsonPatchType}, 200,
			map[string]any{"data.n": "1", "data.k": "w"}, nil},
		{"json patch that does not fit", "PATCH", one, `[{"op":"test","path":"/data/n","value":"2"}]`, []string{jsonPatchType}, 422,
			map[string]any{"reason": "Invalid", "message": "the server rejected our request due to an error in our request"}, nil},
		{"merge patch", "PATCH", one, `{"data":{"n":null}}`, []string{mergeType}, 200, map[string]any{"data.n": nil, "data.k": "w"}, nil},
		{"merge patch that keeps the kind", "PATCH", one, `{"apiVersion":"v1","kind":"ConfigMap"}`, []string{mergeType}, 200, nil, nil},
		{"merge patch to another kind", "PATCH", one, `{"kind":"Secret"}`, []string{mergeType}, 422, map[string]any{"details.causes.0.field": "patch"}, nil},
		{"json patch to another version", "PATCH", one, `[{"op":"replace","path":"/apiVersion","value":"v2"}]`, []string{jsonPatchType}, 422, map[string]any{"details.causes.0.field": "patch"}, nil},
		{"patch in a wrong type", "PATCH", one, `{}`, []string{"Content-Type: text/plain"}, 415,
			map[string]any{"message": "415: Unsupported Media Type"}, nil},
		{"delete with another's uid", "DELETE", one, `{"preconditions":{"uid":"0"}}`, nil, 409, map[string]any{"reason": "Conflict"}, nil},
		{"delete", "DELETE", one, "", nil, 200, map[string]any{"kind": "Status", "status": "Success", "details.kind": "configmaps", "details.name": "a"}, nil},
		{"gone", "GET", one, "", nil, 404, map[string]any{"reason": "NotFound"}, nil},
	})
}

func TestRefusals(t *testing.T) {
	all := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	run(t, []exchange{
		{"no such path", "GET", "/apis/nope.example.com/v1/things", "", nil, 404, map[string]any{"": "404 page not found\n"}, nil},
		{"no such resource", "GET", "/api/v1/things", "", nil, 404, map[string]any{"message": "the server could not find the requested resource"}, nil},
		{"no such verb", "PUT", all, "{}", nil, 405, map[string]any{"reason": "MethodNotAllowed"}, nil},
		{"a namespaced kind without a namespace", "POST", "/api/v1/configmaps", "{}", nil, 405, nil, nil},
		{"an unknown kind", "POST", all, `{"apiVersion":"v1","kind":"Nonsense","metadata":{"name":"x"}}`, nil, 400,
			map[string]any{"message": `Nonsense in version "v1" cannot be handled as a ConfigMap: no kind "Nonsense" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"`}, nil},
		{"another kind", "POST", all, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}`, nil, 400,
			map[string]any{"message": `Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion`}, nil},
		{"broken JSON", "POST", all, `{"apiVersion":"v1","kind":"ConfigMap",`, nil, 400,
			map[string]any{"message": `the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input ({"apiVersion":"v1","kind":"Con ...)`}, nil},
		{"an unknown media type", "POST", all, "x", []string{"Content-Type: application/x-unknown"}, 415,
			map[string]any{"message": "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf"}, nil},
		{"nothing acceptable", "GET", all, "", []string{"Accept: image/png"}, 406,
			map[string]any{"message": "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"}, nil},
		{"an unknown field", "POST", all, `{"metadata":{"name":"warned"},"dada":{}}`, nil, 201, nil, []string{`299 - "unknown field \"dada\""`}},
		{"an unknown field, strictly", "POST", all + "?fieldValidation=Strict", `{"metadata":{"name":"strict","oops":1},"dada":{}}`, nil, 400,
			map[string]any{"message": `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "metadata.oops", unknown field "dada"`}, []string{}},
		{"an unknown field, ignored", "POST", all + "?fieldValidation=Ignore", `{"metadata":{"name":"ignored"},"dada":{}}`, nil, 201, nil, []string{}},
		{"an unknown field in a patch, strictly", "PATCH", all + "/warned?fieldValidation=Strict", `{"dada":1}`, []string{mergeType}, 422, map[string]any{"reason": "Invalid"}, nil},
		{"an unknown dry run", "POST", all + "?dryRun=Some", `{"metadata":{"name":"x"}}`, nil, 422,
			map[string]any{"message": `CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"`}, nil},
		{"a bad limit", "GET", all + "?limit=x", "", nil, 400, map[string]any{"message": `strconv.ParseInt: parsing "x": invalid syntax`}, nil},
		{"a bad resourceVersion", "GET", all + "?resourceVersion=abc", "", nil, 400,
			map[string]any{"message": `invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax`}, nil},
		{"a resourceVersion from the future", "GET", all + "?resourceVersion=99999999", "", nil, 504,
			map[string]any{"reason": "Timeout", "details.causes.0.reason": "ResourceVersionTooLarge", "details.retryAfterSeconds": 1}, nil},
		{"a bad label selector", "GET", all + "?labelSelector=a%20in%20(", "", nil, 400,
			map[string]any{"message": "unable to parse requirement: found '', expected: ',', ')' or identifier"}, nil},
		{"an unknown field selector", "GET", all + "?fieldSelector=a%3Db", "", nil, 400,
			map[string]any{"message": `"a" is not a known field selector: only "metadata.name", "metadata.namespace"`}, nil},
		{"another namespace", "POST", all, `{"metadata":{"name":"x","namespace":"other"}}`, nil, 400,
			map[string]any{"message": "the namespace of the provided object does not match the namespace sent on the request"}, nil},
		{"a missing namespace", "POST", "/api/v1/namespaces/none/configmaps", `{"metadata":{"name":"x"}}`, nil, 404,
			map[string]any{"message": `namespaces "none" not found`}, nil},
		{"a body too large", "POST", all, `{"metadata":{"name":"` + strings.Repeat("x", 3<<20) + `"}}`, nil, 413,
			map[string]any{"message": "Request entity too large: limit is 3145728"}, nil},
		{"nobody", "GET", all, "", []string{"Authorization: Bearer wrong"}, 401, map[string]any{"message": "Unauthorized"}, nil},
		{"somebody without rights", "GET", all, "", []string{"Authorization: Bearer alice-token"}, 403, map[string]any{"reason": "Forbidden"}, nil},
		{"health for nobody", "GET", "/livez", "", []string{"Authorization: "}, 200, map[string]any{"": "ok"}, nil},
	})
}

func TestGenerateNameAndDryRun(t *testing.T) {
	all := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	got := do(t, "POST", all, `{"metadata":{"generateName":"g-"}}`)
	name, _ := got.at("metadata.name").(string)
	if got.code != 201 || !strings.HasPrefix(name, "g-") || len(name) != len("g-")+5 {
		t.Errorf("generated %q: %d %s", name, got.code, got.raw)
	}
	run(t, []exchange{
		{"dry create", "POST", all + "?dryRun=All", `{"metadata":{"name":"dry"}}`, nil, 201,
			map[string]any{"metadata.name": "dry", "metadata.resourceVersion": nil}, nil},
		{"left nothing", "GET", all + "/dry", "", nil, 404, nil, nil},
		{"dry create of what is there", "POST", all + "?dryRun=All", `{"metadata":{"name":"` + name + `"}}`, nil, 409, nil, nil},
		{"dry patch", "PATCH", all + "/" + name + "?dryRun=All", `{"data":{"a":"b"}}`, []string{mergeType}, 200, map[string]any{"data.a": "b"}, nil},
		{"dry delete", "DELETE", all + "/" + name + "?dryRun=All", "", nil, 200, map[string]any{"status": "Success"}, nil},
		{"changed nothing", "GET", all + "/" + name, "", nil, 200, map[string]any{"data": nil}, nil},
	})
}

func TestFinalizersAndPropagation(t *testing.T) {
	ns := namespace(t)
	all := "/apis/apps/v1/namespaces/" + ns + "/deployments"
	maps := "/api/v1/namespaces/" + ns + "/configmaps"
	run(t, []exchange{
		{"create", "POST", all, deployment, nil, 201, map[string]any{"metadata.generation": 1, "status": "map[]"}, nil},
		{"delete in the foreground", "DELETE", all + "/d", `{"propagationPolicy":"Foreground"}`, nil, 200,
			map[string]any{"metadata.finalizers.0": "foregroundDeletion", "metadata.deletionGracePeriodSeconds": 0, "metadata.generation": 2}, nil},
		{"a new finalizer while it goes", "PATCH", all + "/d", `{"metadata":{"finalizers":["a.b/c","foregroundDeletion"]}}`, []string{mergeType}, 422, nil, nil},
		{"the last finalizer removed", "PATCH", all + "/d", `{"metadata":{"finalizers":null}}`, []string{mergeType}, 200, map[string]any{"kind": "Deployment"}, nil},
		{"gone", "GET", all + "/d", "", nil, 404, nil, nil},
		{"with a finalizer", "POST", maps, `{"metadata":{"name":"f","finalizers":["a.b/c"]}}`, nil, 201, nil, nil},
		{"delete", "DELETE", maps + "/f", "", nil, 200, map[string]any{"kind": "ConfigMap", "metadata.finalizers.0": "a.b/c"}, nil},
		{"create while it goes", "POST", maps, `{"metadata":{"name":"f"}}`, nil, 409,
			map[string]any{"message": `object is being deleted: configmaps "f" already exists`}, nil},
		{"its finalizer removed by an update", "PUT", maps + "/f", `{"metadata":{"name":"f"}}`, nil, 200, nil, nil},
		{"gone too", "GET", maps + "/f", "", nil, 404, nil, nil},
		{"several", "POST", maps, `{"metadata":{"name":"a","labels":{"x":"y"}}}`, nil, 201, nil, nil},
		{"more", "POST", maps, `{"metadata":{"name":"b"}}`, nil, 201, nil, nil},
		{"delete those that match", "DELETE", maps + "?labelSelector=x%3Dy", "", nil, 200, map[string]any{"kind": "ConfigMapList", "items.0.metadata.name": "a", "items.1": nil}, nil},
		{"the other is left", "GET", maps + "/b", "", nil, 200, nil, nil},
	})
}

func TestGracefulDelete(t *testing.T) {
	all := "/api/v1/namespaces/" + namespace(t) + "/pods"
	pod := `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}}`
	run(t, []exchange{
		{"create", "POST", all, pod, nil, 201, map[string]any{"status.phase": "Pending"}, nil},
		{"bind", "POST", all + "/p/binding", `{"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"n"}}`, nil, 201,
			map[string]any{"kind": "Status", "status": "Success", "code": 201}, nil},
		{"bind again", "POST", all + "/p/binding", `{"metadata":{"name":"p"},"target":{"kind":"Node","name":"m"}}`, nil, 409, nil, nil},
		{"delete", "DELETE", all + "/p", "", nil, 200, map[string]any{"kind": "Pod", "metadata.deletionGracePeriodSeconds": 30, "spec.nodeName": "n"}, nil},
		{"delete with more time", "DELETE", all + "/p?gracePeriodSeconds=60", "", nil, 200, map[string]any{"metadata.deletionGracePeriodSeconds": 30}, nil},
		{"delete with less", "DELETE", all + "/p?gracePeriodSeconds=5", "", nil, 200, map[string]any{"metadata.deletionGracePeriodSeconds": 5}, nil},
		{"still there", "GET", all + "/p", "", nil, 200, nil, nil},
		{"delete at once, as a kubelet does in the end", "DELETE", all + "/p", `{"gracePeriodSeconds":0}`, nil, 200,
			map[string]any{"kind": "Pod", "metadata.deletionGracePeriodSeconds": 0}, nil},
		{"gone", "GET", all + "/p", "", nil, 404, nil, nil},
	})
}

func TestSubresources(t *testing.T) {
	all := "/apis/apps/v1/namespaces/" + namespace(t) + "/deployments"
	run(t, []exchange{
		{"create", "POST", all, deployment, nil, 201, nil, nil},
		{"get scale", "GET", all + "/d/scale", "", nil, 200,
			map[string]any{"kind": "Scale", "apiVersion": "autoscaling/v1", "spec.replicas": 2, "status.selector": "app=x"}, nil},
		{"put scale", "PUT", all + "/d/scale", `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replicas":5}}`, nil, 200,
			map[string]any{"kind": "Scale", "spec.replicas": 5}, nil},
		{"patch scale", "PATCH", all + "/d/scale", `{"spec":{"replicas":4}}`, []string{mergeType}, 200, map[string]any{"kind": "Scale", "spec.replicas": 4}, nil},
		{"scaling counts", "GET", all + "/d", "", nil, 200, map[string]any{"metadata.generation": 3, "spec.replicas": 4}, nil},
		{"patch status", "PATCH", all + "/d/status", `{"spec":{"replicas":9},"status":{"replicas":1}}`, []string{mergeType}, 200,
			map[string]any{"metadata.generation": 3, "spec.replicas": 4, "status.replicas": 1}, nil},
		{"patch ignores status", "PATCH", all + "/d", `{"spec":{"replicas":3},"status":{"replicas":7}}`, []string{mergeType}, 200,
			map[string]any{"metadata.generation": 4, "spec.replicas": 3, "status.replicas": 1}, nil},
		{"no such subresource", "GET", all + "/d/none", "", nil, 404, nil, nil},
		{"a verb that it has not", "DELETE", all + "/d/status", "", nil, 405, nil, nil},
	})
}

func TestServerSideApply(t *testing.T) {
	all := "/apis/apps/v1/namespaces/" + namespace(t) + "/deployments"
	apply := []string{applyType}
	seven := strings.Replace(deployment, `"replicas":2`, `"replicas":7`, 1)
	run(t, []exchange{
		{"without a manager", "PATCH", all + "/d", deployment, apply, 422,
			map[string]any{"message": `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch`}, nil},
		{"creates", "PATCH", all + "/d?fieldManager=me", deployment, apply, 201, map[string]any{"spec.replicas": 2,
			"metadata.managedFields.0.manager": "me", "metadata.managedFields.0.operation": "Apply"}, nil},
		{"again", "PATCH", all + "/d?fieldManager=me", deployment, apply, 200, map[string]any{"metadata.generation": 1}, nil},
		{"another scales", "PATCH", all + "/d/scale", `{"spec":{"replicas":5}}`, []string{mergeType}, 200, nil, nil},
		{"conflict", "PATCH", all + "/d?fieldManager=me", deployment, apply, 409,
			map[string]any{"message": `Apply failed with 1 conflict: conflict with "test" with subresource "scale" using apps/v1: .spec.replicas`,
				"details.causes.0.field": ".spec.replicas"}, nil},
		{"by force", "PATCH", all + "/d?fieldManager=you&force=true", seven, apply, 200, map[string]any{"spec.replicas": 7}, nil},
		{"an unknown field", "PATCH", all + "/d?fieldManager=me&force=true", strings.Replace(deployment, `"replicas":2`, `"oops":2`, 1), apply, 500, nil, nil},
	})
}

func TestCreateOnUpdate(t *testing.T) {
	one := "/apis/coordination.k8s.io/v1/namespaces/" + namespace(t) + "/leases/l"
	run(t, []exchange{
		{"put creates", "PUT", one, `{"metadata":{"name":"l"},"spec":{"holderIdentity":"a"}}`, nil, http.StatusCreated, map[string]any{"spec.holderIdentity": "a"}, nil},
		{"put without a version", "PUT", one, `{"metadata":{"name":"l"}}`, nil, 422,
			map[string]any{"message": `leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update`}, nil},
	})
}

func TestVirtual(t *testing.T) {
	run(t, []exchange{
		{"may I", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", `{"spec":{"resourceAttributes":{"verb":"list","resource":"pods"}}}`, nil, 201,
			map[string]any{"kind": "SelfSubjectAccessReview", "status.allowed": true}, nil},
		{"who am I", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", `{}`, nil, 201, map[string]any{"status.userInfo.username": "admin"}, nil},
		{"no list of reviews", "GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", nil, 405, nil, nil},
	})
}
