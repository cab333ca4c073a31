package poddefaults

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"
)

// TestDropDisabled has a field of each feature that is off.
func TestDropDisabled(t *testing.T) {
	const used = `
schedulingGroup: {podGroupName: g}
evictionResponders: [{name: example.com/r}]
volumes:
- {name: a, emptyDir: {mode: 511}}
- {name: b, secret: {secretName: s, defaultUser: 1, items: [{key: k, path: p, user: 1}]}}
- {name: c, projected: {defaultUser: 1, sources: [{serviceAccountToken: {path: p, user: 1}}, {downwardAPI: {items: [{path: q, user: 1}]}}]}}
containers:
- name: c
  lifecycle: {stopSignal: SIGTERM}
  volumeMounts: [{name: a, mountPath: /a, bindMountOptions: [noexec]}]
  livenessProbe: {httpGet: {port: 80, protocol: HTTP2}}
  readinessProbe: {grpc: {port: 80, mode: TLS}}
`
	const unused = `
volumes:
- {name: a, emptyDir: {}}
- {name: b, secret: {secretName: s, items: [{key: k, path: p}]}}
- {name: c, projected: {sources: [{serviceAccountToken: {path: p}}, {downwardAPI: {items: [{path: q}]}}]}}
containers:
- name: c
  volumeMounts: [{name: a, mountPath: /a}]
  livenessProbe: {httpGet: {port: 80}}
  readinessProbe: {grpc: {port: 80}}
`
	decode := func(text string) *corev1.PodSpec {
		spec := &corev1.PodSpec{}
		if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
			t.Fatal(err)
		}
		return spec
	}
	spec, annotations := decode(used), map[string]string{"pod.beta.kubernetes.io/init-containers": "x", "a": "b"}
	DropDisabled(annotations, spec, nil)
	if want := decode(unused); !equality.Semantic.DeepEqual(spec, want) {
		got, _ := yaml.Marshal(spec)
		t.Errorf("dropped: got\n%s", got)
	}
	if len(annotations) != 1 {
		t.Errorf("annotations: %v", annotations)
	}

	// What is stored stays, feature by feature.
	old := decode(unused)
	old.Containers[0].Lifecycle = &corev1.Lifecycle{StopSignal: new(corev1.Signal)}
	spec = decode(used)
	DropDisabled(nil, spec, old)
	if spec.Containers[0].Lifecycle == nil || spec.SchedulingGroup != nil {
		t.Errorf("in use: %+v", spec)
	}
}

func TestCompleteResources(t *testing.T) {
	for text, want := range map[string]string{
		`{containers: [{name: c, resources: {requests: {cpu: 1}}}]}`:                                                                            ``,
		`{resources: {limits: {memory: 2Gi}}, containers: [{name: c, resources: {requests: {cpu: 1}}}]}`:                                        `{limits: {memory: 2Gi}, requests: {memory: 2Gi, cpu: 1}}`,
		`{resources: {requests: {cpu: 3}}, containers: [{name: c, resources: {requests: {cpu: 1}, limits: {cpu: 2}}}]}`:                         `{requests: {cpu: 3}, limits: {cpu: 3}}`,
		`{resources: {requests: {cpu: 1}}, containers: [{name: c, resources: {requests: {cpu: 1}, limits: {cpu: 2}}}, {name: d}]}`:              `{requests: {cpu: 1}}`,
		`{resources: {requests: {cpu: 1}}, containers: [{name: c, resources: {requests: {hugepages-2Mi: 2Mi}, limits: {hugepages-2Mi: 2Mi}}}]}`: `{requests: {cpu: 1, hugepages-2Mi: 2Mi}, limits: {hugepages-2Mi: 2Mi}}`,
	} {
		spec := &corev1.PodSpec{}
		if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
			t.Fatal(err)
		}
		CompleteResources(spec)
		var resources *corev1.ResourceRequirements
		if want != "" {
			resources = &corev1.ResourceRequirements{}
			if err := yaml.UnmarshalStrict([]byte(want), resources); err != nil {
				t.Fatal(err)
			}
		}
		if !equality.Semantic.DeepEqual(spec.Resources, resources) {
			t.Errorf("%s: got %+v, want %+v", text, spec.Resources, resources)
		}
	}
}
