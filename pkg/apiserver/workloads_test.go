package apiserver

import "testing"

// What kube-apiserver answers about jobs and daemon sets where they are not as
// other kinds, as recorded from it.
func TestWorkloads(t *testing.T) {
	ns := namespace(t)
	jobs, daemons := "/apis/batch/v1/namespaces/"+ns+"/jobs", "/apis/apps/v1/namespaces/"+ns+"/daemonsets"
	revisions := "/apis/apps/v1/namespaces/" + ns + "/controllerrevisions"
	const preserved = `299 - "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"`
	job := func(name string) string {
		return `{"metadata":{"name":"` + name + `"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i:1"}]}}}}`
	}
	run(t, []exchange{
		{"a job", "POST", jobs, job("j"), nil, 201, map[string]any{
			"metadata.labels.job-name": "j", "spec.template.metadata.labels.job-name": "j", "spec.completions": 1, "metadata.generation": 1}, []string{}},
		{"a mistake is said once", "POST", jobs, job("Bad_Name!"), nil, 422, map[string]any{
			"details.causes.0.field": "metadata.name", "details.causes.1.field": "spec.template.labels", "details.causes.2": nil}, nil},
		{"by success", "GET", jobs + "?fieldSelector=status.successful%3D0", "", nil, 200, map[string]any{"items.0.metadata.name": "j"}, nil},
		{"by what cannot be selected", "GET", jobs + "?fieldSelector=a%3Db", "", nil, 400, map[string]any{"message": `field label "a" not supported for Job`}, nil},
		{"a delete that leaves it open", "DELETE", jobs + "/none", "", nil, 404, nil, []string{preserved}},
		{"a delete that does not", "DELETE", jobs + "/j?propagationPolicy=Background", "", nil, 200, map[string]any{"status": "Success"}, []string{}},
		{"a revision", "POST", revisions, `{"metadata":{"name":"r"},"revision":1,"data":{"a": 1}}`, nil, 201, map[string]any{"data.a": 1}, []string{}},
		{"a patch writes its data anew", "PATCH", revisions + "/r", `{"metadata":{"labels":{"a":"b"}}}`, []string{strategicType}, 422,
			map[string]any{"details.causes.0.field": "data", "details.causes.0.message": `Invalid value: {"a":1}: field is immutable`}, nil},
		{"a daemon set", "POST", daemons, `{"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"app":"x"}},
			"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i:1"}]}}}}`, nil, 201,
			map[string]any{"metadata.annotations": map[string]any{"deprecated.daemonset.template.generation": "1"}}, []string{}},
		{"its metadata", "GET", daemons + "/d", "", []string{"Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}, 200,
			map[string]any{"kind": "PartialObjectMetadata", "metadata.name": "d", "metadata.annotations": nil}, nil},
	})
}
