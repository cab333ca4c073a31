package pod

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestQOSClass(t *testing.T) {
	for spec, want := range map[string]corev1.PodQOSClass{
		`containers: [{name: c, image: i}]`:                                                                                           corev1.PodQOSBestEffort,
		`containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}]`:                                                          corev1.PodQOSBurstable,
		`containers: [{name: c, image: i, resources: {limits: {cpu: 1, memory: 1Gi}}}]`:                                               corev1.PodQOSGuaranteed,
		`containers: [{name: c, image: i, resources: {limits: {cpu: "0.5", memory: 64Mi}, requests: {cpu: 500m, memory: 0.0625Gi}}}]`: corev1.PodQOSGuaranteed,
		`containers: [{name: c, image: i, resources: {limits: {cpu: 1, memory: 1Gi}}}, {name: d, image: i}]`:                          corev1.PodQOSBurstable,
		`containers: [{name: c, image: i, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m}}}]`:                        corev1.PodQOSBurstable,
		`containers: [{name: c, image: i}], resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 1, memory: 1Gi}}`:              corev1.PodQOSGuaranteed,
		`containers: [{name: c, image: i, resources: {limits: {cpu: 1, memory: 1Gi}}}], initContainers: [{name: d, image: i}]`:        corev1.PodQOSBurstable,
	} {
		if got := QOSClass(podOf(t, "spec: {"+spec+"}")); got != want {
			t.Errorf("%s: got %s, want %s", spec, got, want)
		}
	}
}
