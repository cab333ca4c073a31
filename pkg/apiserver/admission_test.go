package apiserver

import "testing"

// TestAdmission looks at what plugins do where they depend on each other and on the
// order of the chain: defaults are there before they are counted.
func TestAdmission(t *testing.T) {
	ns := namespace(t)
	in := "/api/v1/namespaces/" + ns + "/"
	merge := []string{"Content-Type: application/merge-patch+json"}
	run(t, []exchange{
		{"limits", "POST", in + "limitranges", `{"metadata":{"name":"l"},"spec":{"limits":[{"type":"Container","default":{"cpu":"600m"},"max":{"cpu":"2"}}]}}`, nil, 201,
			map[string]any{"spec.limits.0.defaultRequest.cpu": "600m"}, nil},
		{"a quota", "POST", in + "resourcequotas", `{"metadata":{"name":"q"},"spec":{"hard":{"requests.cpu":"1","count/configmaps":"1"}}}`, nil, 201, nil, nil},
		{"counted", "PATCH", in + "resourcequotas/q/status", `{"status":{"hard":{"requests.cpu":"1","count/configmaps":"1"},"used":{"requests.cpu":"0","count/configmaps":"0"}}}`, merge, 200, nil, nil},
		{"a pod", "POST", in + "pods", `{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i"}]}}`, nil, 201, map[string]any{
			"spec.containers.0.resources.requests.cpu": "600m",
			"spec.containers.0.resources.limits.cpu":   "600m",
			"spec.priority":                            0,
			"spec.tolerations.0.key":                   "node.kubernetes.io/not-ready",
		}, nil},
		{"what it took", "GET", in + "resourcequotas/q", "", nil, 200, map[string]any{"status.used": "map[count/configmaps:0 requests.cpu:600m]"}, nil},
		{"a second pod", "POST", in + "pods", `{"metadata":{"name":"b"},"spec":{"containers":[{"name":"c","image":"i"}]}}`, nil, 403, map[string]any{
			"message": `pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1`, "details.name": "b", "details.kind": "pods"}, nil},
		{"a pod that is too large", "POST", in + "pods", `{"metadata":{"name":"c"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"3"}}}]}}`, nil, 403, map[string]any{
			"message": `pods "c" is forbidden: maximum cpu usage per Container is 2, but limit is 3`}, nil},
		{"a pod that is too large, rehearsed", "POST", in + "pods?dryRun=All", `{"metadata":{"name":"c"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"3"}}}]}}`, nil, 403, nil, nil},
		{"a map, rehearsed", "POST", in + "configmaps?dryRun=All", `{"metadata":{"name":"m"}}`, nil, 201, nil, nil},
		{"a map", "POST", in + "configmaps", `{"metadata":{"name":"m"}}`, nil, 201, nil, nil},
		{"a second map", "POST", in + "configmaps", `{"metadata":{"name":"n"}}`, nil, 403, map[string]any{
			"message": `configmaps "n" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1`}, nil},
		{"a claim", "POST", in + "persistentvolumeclaims", `{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}`, nil, 201, map[string]any{
			"metadata.finalizers": "[kubernetes.io/pvc-protection]"}, nil},
		{"a larger claim", "PATCH", in + "persistentvolumeclaims/data", `{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}`, merge, 422, nil, nil},
	})
}
