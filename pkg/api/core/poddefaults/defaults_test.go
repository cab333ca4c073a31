package poddefaults

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"
)

// specOf decodes a pod's spec, strictly, and fills its defaults.
func specOf(t *testing.T, text string) *corev1.PodSpec {
	t.Helper()
	spec := &corev1.PodSpec{}
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		t.Fatal(err)
	}
	Set(spec)
	SetPod(spec)
	return spec
}

func TestDefaults(t *testing.T) {
	for name, c := range map[string]struct{ spec, want string }{
		"plain": {`containers: [{name: c, image: "i:1"}]`, `
containers:
- {name: c, image: "i:1", imagePullPolicy: IfNotPresent, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}
dnsPolicy: ClusterFirst
enableServiceLinks: true
restartPolicy: Always
schedulerName: default-scheduler
securityContext: {}
terminationGracePeriodSeconds: 30`},
		"limits, ports and probes": {`
containers:
- name: c
  image: i
  ports: [{containerPort: 80}]
  resources: {limits: {cpu: 1, memory: 1Gi}, requests: {memory: 0.5Gi}}
  livenessProbe: {grpc: {port: 9000}}
  readinessProbe: {httpGet: {port: 80}}
hostNetwork: true
serviceAccount: robot`, `
containers:
- name: c
  image: i
  imagePullPolicy: Always
  terminationMessagePath: /dev/termination-log
  terminationMessagePolicy: File
  ports: [{containerPort: 80, hostPort: 80, protocol: TCP}]
  resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 1, memory: 512Mi}}
  livenessProbe: {grpc: {port: 9000, service: ""}, failureThreshold: 3, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
  readinessProbe: {httpGet: {port: 80, path: /, scheme: HTTP}, failureThreshold: 3, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
dnsPolicy: ClusterFirst
enableServiceLinks: true
hostNetwork: true
restartPolicy: Always
schedulerName: default-scheduler
securityContext: {}
serviceAccount: robot
serviceAccountName: robot
terminationGracePeriodSeconds: 30`},
	} {
		want := &corev1.PodSpec{}
		if err := yaml.UnmarshalStrict([]byte(c.want), want); err != nil {
			t.Fatal(err)
		}
		if got := specOf(t, c.spec); !equality.Semantic.DeepEqual(got, want) {
			text, _ := yaml.Marshal(got)
			t.Errorf("%s: got\n%s", name, text)
		}
	}
}

func TestPullPolicy(t *testing.T) {
	for image, want := range map[string]corev1.PullPolicy{
		"nginx":                          corev1.PullAlways,
		"nginx:latest":                   corev1.PullAlways,
		"nginx:1.27":                     corev1.PullIfNotPresent,
		"registry.example:5000/nginx":    corev1.PullAlways,
		"registry.example:5000/nginx:1":  corev1.PullIfNotPresent,
		"nginx@sha256:0123456789abcdef0": corev1.PullIfNotPresent,
		"nginx:latest@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef": corev1.PullAlways,
		"":       corev1.PullIfNotPresent,
		"Nginx":  corev1.PullIfNotPresent,
		" nginx": corev1.PullIfNotPresent,
	} {
		if got := pullPolicy(image); got != want {
			t.Errorf("%q: got %s, want %s", image, got, want)
		}
	}
}

func TestVolumeDefaults(t *testing.T) {
	spec := specOf(t, `
containers: [{name: c, image: i}]
volumes:
- {name: nothing}
- {name: cm, configMap: {name: a}}
- {name: token, projected: {sources: [{serviceAccountToken: {path: token}}, {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.namespace}}]}}]}}`)
	if spec.Volumes[0].EmptyDir == nil {
		t.Error("a volume without source is no emptyDir")
	}
	if mode := *spec.Volumes[1].ConfigMap.DefaultMode; mode != 0o644 {
		t.Errorf("mode of a config map: %o", mode)
	}
	sources := spec.Volumes[2].Projected.Sources
	if seconds := *sources[0].ServiceAccountToken.ExpirationSeconds; seconds != 3600 {
		t.Errorf("a token expires after %d s", seconds)
	}
	if version := sources[1].DownwardAPI.Items[0].FieldRef.APIVersion; version != "v1" {
		t.Errorf("version of a field: %q", version)
	}
}
