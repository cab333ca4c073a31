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

// An autoscaler is one object in two versions.
func TestAutoscalingVersions(t *testing.T) {
	ns := namespace(t)
	v1, v2 := "/apis/autoscaling/v1/namespaces/"+ns+"/horizontalpodautoscalers", "/apis/autoscaling/v2/namespaces/"+ns+"/horizontalpodautoscalers"
	const spec = `"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},"maxReplicas":3`
	const memory = `{"type":"Resource","resource":{"name":"memory","target":{"type":"AverageValue","averageValue":"1Gi"}}}`
	const memoryV1 = `[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}}]`
	kept := func(got map[string]string) map[string]any {
		want := map[string]any{}
		for key, value := range got {
			want[key] = value
		}
		return map[string]any{"metadata.annotations": want}
	}
	run(t, []exchange{
		{"made as v1", "POST", v1, `{"metadata":{"name":"a"},"spec":{` + spec + `,"targetCPUUtilizationPercentage":50}}`, nil, 201,
			map[string]any{"apiVersion": "autoscaling/v1", "spec.targetCPUUtilizationPercentage": 50, "spec.minReplicas": 1, "metadata.generation": 1, "metadata.annotations": nil}, []string{}},
		{"read as v2", "GET", v2 + "/a", "", nil, 200, map[string]any{"apiVersion": "autoscaling/v2", "spec.metrics.0.resource.target.averageUtilization": 50, "status.desiredReplicas": 0}, nil},
		{"changed as v2", "PATCH", v2 + "/a", `{"spec":{"metrics":[` + memory + `]}}`, []string{mergeType}, 200, map[string]any{"spec.metrics.0.resource.name": "memory", "metadata.generation": 2}, nil},
		{"read as v1", "GET", v1 + "/a", "", nil, 200, kept(map[string]string{"autoscaling.alpha.kubernetes.io/metrics": memoryV1}), nil},
		{"changed as v1", "PATCH", v1 + "/a", `{"spec":{"maxReplicas":5}}`, []string{strategicType}, 200, map[string]any{"spec.maxReplicas": 5, "metadata.generation": 3}, nil},
		{"its metrics are there still", "GET", v2 + "/a", "", nil, 200, map[string]any{"spec.metrics.0.resource.target.averageValue": "1Gi", "spec.metrics.1": nil, "metadata.annotations": nil}, nil},
		{"a status as v1", "PATCH", v1 + "/a/status", `{"status":{"currentReplicas":2,"desiredReplicas":4}}`, []string{mergeType}, 200, map[string]any{"status.desiredReplicas": 4}, nil},
		{"a list of v1", "GET", v1, "", nil, 200, map[string]any{"kind": "HorizontalPodAutoscalerList", "apiVersion": "autoscaling/v1", "items.0.status.currentReplicas": 2}, nil},
		{"a table of v1", "GET", v1 + "/a", "", []string{"Accept: application/json;as=Table;v=v1;g=meta.k8s.io"}, 200,
			map[string]any{"rows.0.cells.1": "Deployment/d", "rows.0.cells.2": "memory: <unknown>/1Gi", "rows.0.object.metadata.annotations": nil}, nil},
		{"an error in v1", "PATCH", v1 + "/a", `{"spec":{"maxReplicas":-1}}`, []string{mergeType}, 422,
			map[string]any{"details.causes.1.message": "Invalid value: -1: must be greater than or equal to 1", "details.group": "autoscaling"}, nil},
		{"applied as v1", "PATCH", v1 + "/b?fieldManager=m", `{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"b"},"spec":{` + spec + `}}`,
			[]string{applyType}, 201, map[string]any{"metadata.managedFields.0.apiVersion": "autoscaling/v1", "spec.targetCPUUtilizationPercentage": 80}, nil},
		{"applied as v2", "PATCH", v2 + "/b?fieldManager=n", `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"b"},"spec":{"maxReplicas":4}}`,
			[]string{applyType}, 409, map[string]any{"message": `Apply failed with 1 conflict: conflict with "m": .spec.maxReplicas`}, nil},
		{"deleted", "DELETE", v1 + "/a", "", nil, 200, map[string]any{"status": "Success", "details.group": "autoscaling"}, nil},
	})
}
