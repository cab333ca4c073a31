package podwarnings

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func TestOf(t *testing.T) {
	for text, want := range map[string][]string{
		`spec: {containers: [{name: c, image: i}]}`:            nil,
		`spec: {nodeSelector: {beta.kubernetes.io/os: linux}}`: {`spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`},
		`spec: {topologySpreadConstraints: [{topologyKey: failure-domain.beta.kubernetes.io/zone}]}`: {
			`spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead`,
			`spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod`},
		`spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: beta.kubernetes.io/arch}]}]}, preferredDuringSchedulingIgnoredDuringExecution: [{preference: {matchExpressions: [{key: a}, {key: beta.kubernetes.io/arch}]}}]}}}`: {
			`spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead`,
			`spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[1].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead`},
		`spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a}]}, podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1}]}}}`: {
			`spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod`,
			`spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: a null labelSelector results in matching no pod`},
		`metadata: {annotations: {scheduler.alpha.kubernetes.io/critical-pod: "", seccomp.security.alpha.kubernetes.io/pod: a}}`: {
			`metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead`,
			`metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead`},
		`{metadata: {annotations: {container.seccomp.security.alpha.kubernetes.io/c: a, container.apparmor.security.beta.kubernetes.io/c: b}}, spec: {containers: [{name: c}]}}`: {
			`metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead`},
		`spec: {volumes: [{name: v, glusterfs: {path: p}}]}`: {`spec.volumes[0].glusterfs: deprecated in v1.25, non-functional in v1.26+`},
		`spec: {volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {resources: {requests: {storage: 100m}}}}}}]}`: {
			`spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer`},
		`spec: {volumes: [{name: v, configMap: {name: m, items: [{key: a, path: x}, {key: b, path: x/y}, {key: c, path: z}]}}]}`: {`volume "v" (ConfigMap "m"): overlapping paths: "x/y" with "x"`},
		`spec: {volumes: [{name: v, secret: {secretName: m, items: [{key: a, path: x}, {key: b, path: x}]}}, {name: w, downwardAPI: {items: [{path: x/}, {path: x}]}}]}`: {
			`volume "v" (Secret "m"): overlapping paths: "x" with "x"`, `volume "w" (DownwardAPI): overlapping paths: "x" with "x"`},
		`spec: {volumes: [{name: v, projected: {sources: [{}, {secret: {name: s, items: [{key: a, path: x}]}}, {serviceAccountToken: {path: x}}]}}]}`: {
			`volume "v" (Projected) has no sources provided`, `volume "v" (Projected): overlapping paths: "x" (ServiceAccountToken) with "x" (Secret "s")`},
		`spec: {hostAliases: [{ip: 1.2.3.4}, {ip: 1.2.3.4}]}`:                                                 {`spec.hostAliases[1].ip: duplicate ip "1.2.3.4"`},
		`spec: {imagePullSecrets: [{name: a}, {name: a}, {}]}`:                                                {`spec.imagePullSecrets[1].name: duplicate name "a"`, `spec.imagePullSecrets[2].name: invalid empty name ""`},
		`spec: {overhead: {memory: 100m}}`:                                                                    {`spec.overhead[memory]: fractional byte value "100m" is invalid, must be an integer`},
		`spec: {containers: [{env: [{name: A}, {name: A}]}]}`:                                                 {`spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`},
		`spec: {containers: [{env: [{name: A}, {name: A, value: "$(A):b"}]}]}`:                                nil,
		`spec: {containers: [{env: [{name: A}, {name: A, value: "$(A)"}]}]}`:                                  {`spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`},
		`spec: {containers: [{ports: [{containerPort: 80}]}, {ports: [{containerPort: 80}]}]}`:                {`spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]`},
		`spec: {containers: [{ports: [{containerPort: 80, hostPort: 1}, {containerPort: 80, hostPort: 2}]}]}`: nil,
		`spec: {containers: [{ports: [{containerPort: 80, hostPort: 1}, {containerPort: 80}]}]}`:              {`spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]`},
		`spec: {initContainers: [{ports: [{containerPort: 80, hostPort: 1, hostIP: 1.2.3.4}]}], containers: [{ports: [{containerPort: 80, hostPort: 1}]}]}`: {
			`spec.containers[0].ports[0]: dangerously ambiguous port definition with spec.initContainers[0].ports[0]`},
		`spec: {containers: [{ports: [{containerPort: 80, hostIP: 1.2.3.4}]}]}`: {`spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol: HostIP:1.2.3.4}`},
		`spec: {containers: [{resources: {requests: {memory: 100m}, limits: {memory: 200m}}}]}`: {
			`spec.containers[0].resources.limits[memory]: fractional byte value "200m" is invalid, must be an integer`,
			`spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer`},
		// A pod has 1 instead by default, so that only templates are told.
		`spec: {terminationGracePeriodSeconds: -1}`: {`spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`},
		`spec: {containers: [{ports: [{containerPort: 80, name: a}]}, {ports: [{containerPort: 81, name: a}]}]}`: {
			`spec.containers[1].ports[0]: duplicate port name "a" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]`},
		`spec: {dnsConfig: {nameservers: ["2001:db8:0::1"]}}`: {`spec.dnsConfig.nameservers[0]: IPv6 address "2001:db8:0::1" should be in RFC 5952 canonical format ("2001:db8::1")`},
	} {
		pod := &corev1.Pod{}
		if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
			t.Fatal(err)
		}
		if got := Of(&pod.ObjectMeta, &pod.Spec, nil); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// What is said of a template is where the template is, and its annotations are not replaced by fields.
func TestOfTemplate(t *testing.T) {
	template := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}}
	template.Annotations = map[string]string{"container.apparmor.security.beta.kubernetes.io/c": "a"}
	want := []string{`spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead`}
	if got := Of(&template.ObjectMeta, &template.Spec, field.NewPath("spec", "template")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
