package pod

import "testing"

// BenchmarkCreate is what the definition costs in the create of a pod.
func BenchmarkCreate(b *testing.B) {
	var t testing.T
	pod := podOf(&t, `{metadata: {name: p, namespace: d, labels: {app: x}}, spec: {serviceAccountName: default, containers: [{name: c, image: "i:1", ports: [{containerPort: 80}], env: [{name: A, value: b}], resources: {requests: {cpu: 100m, memory: 64Mi}}, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, emptyDir: {}}], tolerations: [{key: a, operator: Exists}]}}`)
	for b.Loop() {
		defaultPod(pod)
		preparePodCreate(b.Context(), pod)
		if errs := validatePod(pod); len(errs) > 0 {
			b.Fatal(errs)
		}
		podFields(pod)
	}
}
