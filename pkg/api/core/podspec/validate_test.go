package podspec_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podspec"
)

// specOf decodes a spec, strictly, and fills its defaults.
func specOf(t *testing.T, text string) *corev1.PodSpec {
	t.Helper()
	spec := &corev1.PodSpec{}
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		t.Fatal(err)
	}
	poddefaults.Set(spec)
	return spec
}

func podSpecOf(t *testing.T, text string) *corev1.PodSpec {
	spec := specOf(t, text)
	poddefaults.SetPod(spec)
	return spec
}

const label1123 = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

// TestValidate holds the words that kube-apiserver 1.37 answers with.
func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain":    {`containers: [{name: c, image: "i:1"}]`, nil},
		"empty":    {`{}`, []string{`spec.containers: Required value`}},
		"bad name": {`containers: [{name: Bad_Name, image: "i:1"}]`, []string{`spec.containers[0].name: Invalid value: "Bad_Name": ` + label1123}},
		"no image": {`containers: [{name: c}]`, []string{`spec.containers[0].image: Required value`}},
		"pull policy": {`containers: [{name: c, image: i, imagePullPolicy: Sometimes}]`,
			[]string{`spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`}},
		"port": {`containers: [{name: c, image: i, ports: [{containerPort: 70000}]}]`,
			[]string{`spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`}},
		"same port name": {`containers: [{name: c, image: i, ports: [{containerPort: 80, name: a}, {containerPort: 81, name: a}]}]`,
			[]string{`spec.containers[0].ports[1].name: Duplicate value: "a"`}},
		"protocol": {`containers: [{name: c, image: i, ports: [{containerPort: 80, protocol: FTP}]}]`,
			[]string{`spec.containers[0].ports[0].protocol: Unsupported value: "FTP": supported values: "SCTP", "TCP", "UDP"`}},
		"same host port": {`containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: 80}]}, {name: d, image: i, ports: [{containerPort: 81, hostPort: 80}]}]`,
			[]string{`spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//80"`}},
		"negative request": {`containers: [{name: c, image: i, resources: {requests: {cpu: "-1"}}}]`,
			[]string{`spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0`}},
		"request above limit": {`containers: [{name: c, image: i, resources: {requests: {cpu: 2}, limits: {cpu: 1}}}]`,
			[]string{`spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`}},
		"unknown resource": {`containers: [{name: c, image: i, resources: {requests: {foo: 1}}}]`,
			[]string{`spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified`,
				`spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource for containers`}},
		"device without limit": {`containers: [{name: c, image: i, resources: {requests: {example.com/gpu: 1}}}]`,
			[]string{`spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources`}},
		"mount of nothing": {`containers: [{name: c, image: i, volumeMounts: [{name: none, mountPath: /x}]}]`,
			[]string{`spec.containers[0].volumeMounts[0].name: Not found: "none"`}},
		"same mount path": {`{containers: [{name: c, image: i, volumeMounts: [{name: a, mountPath: /x}, {name: a, mountPath: /x}]}], volumes: [{name: a}]}`,
			[]string{`spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique`}},
		"env without name": {`containers: [{name: c, image: i, env: [{name: "", value: x}]}]`, []string{`spec.containers[0].env[0].name: Required value`}},
		"env twice": {`containers: [{name: c, image: i, env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]`,
			[]string{"spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"}},
		"env of unknown field": {`containers: [{name: c, image: i, env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.nope}}}]}]`,
			[]string{`spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope`}},
		"dns policy": {`{containers: [{name: c, image: i}], dnsPolicy: Nope}`,
			[]string{`spec.dnsPolicy: Unsupported value: "Nope": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"`}},
		"restart policy": {`{containers: [{name: c, image: i}], restartPolicy: Sometimes}`,
			[]string{`spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"`}},
		"same volume name": {`{containers: [{name: c, image: i}], volumes: [{name: a}, {name: a}]}`, []string{`spec.volumes[1].name: Duplicate value: "a"`}},
		"two sources": {`{containers: [{name: c, image: i}], volumes: [{name: a, emptyDir: {}, hostPath: {path: /}}]}`,
			[]string{`spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type`}},
		"host path upwards": {`{containers: [{name: c, image: i}], volumes: [{name: a, hostPath: {path: /a/../b}}]}`,
			[]string{`spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'`}},
		"host port": {`{containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: 81}]}], hostNetwork: true}`,
			[]string{"spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"}},
		"same name": {`{containers: [{name: c, image: i}], initContainers: [{name: c, image: i}]}`, []string{`spec.initContainers[0].name: Duplicate value: "c"`}},
		"probe of init container": {`{containers: [{name: c, image: i}], initContainers: [{name: d, image: i, livenessProbe: {exec: {command: [x]}}}]}`,
			[]string{`spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always`}},
		"probe of sidecar": {`{containers: [{name: c, image: i}], initContainers: [{name: d, image: i, restartPolicy: Always, livenessProbe: {exec: {command: [x]}}}]}`, nil},
		"liveness threshold": {`containers: [{name: c, image: i, livenessProbe: {successThreshold: 2, exec: {command: [x]}}}]`,
			[]string{`spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1`}},
		"no handler": {`containers: [{name: c, image: i, readinessProbe: {}}]`, []string{`spec.containers[0].readinessProbe: Required value: must specify a handler type`}},
		"spread": {`{containers: [{name: c, image: i}], topologySpreadConstraints: [{maxSkew: 0, topologyKey: "", whenUnsatisfiable: Maybe}]}`,
			[]string{`spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero`,
				`spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty`,
				`spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Maybe": supported values: "DoNotSchedule", "ScheduleAnyway"`}},
		"toleration": {`{containers: [{name: c, image: i}], tolerations: [{operator: Equal, value: v}]}`,
			[]string{"spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\""}},
		"hostname override": {`{containers: [{name: c, image: i}], hostNetwork: true, setHostnameAsFQDN: true, hostnameOverride: a.b}`,
			[]string{`spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true`,
				`spec.hostnameOverride: Forbidden: may not be specified when hostNetwork is true`}},
		"roots without a name": {`{containers: [{name: c, image: i}], volumes: [{name: v, projected: {sources: [{clusterTrustBundle: {path: p}}, {clusterTrustBundle: {name: "a:b", path: p}}]}}]}`,
			[]string{`spec.volumes[0].projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be specified`,
				`spec.volumes[0].projected: Invalid value: "p": conflicting duplicate paths`}},
		"certificate": {`{containers: [{name: c, image: i}], volumes: [{name: v, projected: {sources: [{podCertificate: {signerName: a.b/c, keyType: X, maxExpirationSeconds: 5}}]}}]}`,
			[]string{`spec.volumes[0].projected.sources[0].podCertificate.keyType: Unsupported value: "X": supported values: "RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"`,
				`spec.volumes[0].projected.sources[0].podCertificate.maxExpirationSeconds: Invalid value: 5: if provided, maxExpirationSeconds must be >= 3600`,
				`spec.volumes[0].projected.sources[0].podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and certificateChainPath`}},
		"two sources in one": {`{containers: [{name: c, image: i}], volumes: [{name: v, projected: {sources: [{secret: {name: s}, configMap: {name: m}}]}}]}`,
			[]string{`spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source`}},
		"claim of an ephemeral volume": {`{containers: [{name: c, image: i}], volumes: [{name: v, ephemeral: {}}, {name: w, persistentVolumeClaim: {claimName: p-v}}]}`,
			[]string{`spec.volumes[0].ephemeral.volumeClaimTemplate: Required value`,
				`spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "p-v": must not reference a PVC that gets created for an ephemeral volume`}},
		"unknown claim": {`{containers: [{name: c, image: i, resources: {claims: [{name: x}, {name: a, request: r}, {name: a}]}}], resourceClaims: [{name: a, resourceClaimName: b}]}`,
			[]string{`spec.containers[0].resources.claims[0]: Not found: "x": must be one of the names in pod.spec.resourceClaims: a`,
				`spec.containers[0].resources.claims[2]: Duplicate value: "a"`}},
		"restart rules": {`{containers: [{name: c, image: i, restartPolicy: Never, restartPolicyRules: [{action: X}, {action: Restart, exitCodes: {operator: Z}}]}]}`,
			[]string{`spec.containers[0].restartPolicyRules[0].action: Unsupported value: "X": supported values: "Restart", "RestartAllContainers"`,
				`spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified`,
				`spec.containers[0].restartPolicyRules[1].exitCodes.operator: Unsupported value: "Z": supported values: "In", "NotIn"`}},
		"variable of a file": {`{containers: [{name: c, image: i, env: [{name: A, valueFrom: {fileKeyRef: {key: K, volumeName: v, path: ../f}}}]}], volumes: [{name: v, hostPath: {path: /}}]}`,
			[]string{`spec.containers[0].env[0].valueFrom.fileKeyRef.path: Invalid value: "../f": must not contain '..'`,
				`spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Invalid value: "v": referenced volume must be of type emptyDir`}},
		"pod's resources": {`{containers: [{name: c, image: i, resources: {requests: {cpu: 2}, limits: {memory: 2Gi}}}], resources: {requests: {cpu: 1, foo: 1}, limits: {memory: 1Gi}}}`,
			[]string{`spec.resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified`,
				`spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2`,
				`spec.resources.containers[0][memory].limits: Invalid value: "2Gi": must be less than or equal to pod limits of 1Gi`}},
		"label keys": {`{containers: [{name: c, image: i}], affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: t, labelSelector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: Exists}]}, matchLabelKeys: [a], mismatchLabelKeys: [a]}]}}}`,
			[]string{`spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0][0]: Invalid value: "a": exists in both matchLabelKeys and labelSelector`,
				`spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and mismatchLabelKeys`}},
		"values of preferred nodes": {`{containers: [{name: c, image: i}], affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: a, operator: In, values: [b c]}]}}]}}}`, nil},
		"privileged": {`containers: [{name: c, image: i, securityContext: {privileged: true}}]`,
			[]string{`spec.containers[0].securityContext.privileged: Forbidden: disallowed by cluster policy`}},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, podspec.Validate(&metav1.ObjectMeta{Name: "p"}, podSpecOf(t, c.spec), field.NewPath("spec")), c.want)
		})
	}
}

func check(t *testing.T, errs field.ErrorList, want []string) {
	t.Helper()
	var got []string
	for _, err := range errs {
		got = append(got, err.Error())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestTemplateLeavesHostPortsOpen(t *testing.T) {
	template := &corev1.PodTemplateSpec{Spec: *specOf(t, `{containers: [{name: c, image: i, ports: [{containerPort: 80}]}], hostNetwork: true}`)}
	check(t, podspec.ValidateTemplate(template, field.NewPath("spec", "template")), nil)
	template.Spec.Containers[0].Ports[0].HostPort = 81
	check(t, podspec.ValidateTemplate(template, field.NewPath("spec", "template")),
		[]string{"spec.template.spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"})
}

func TestTokenNeedsServiceAccount(t *testing.T) {
	spec := podSpecOf(t, `{containers: [{name: c, image: i}], volumes: [{name: p, projected: {sources: [{serviceAccountToken: {path: token}}]}}]}`)
	check(t, podspec.ValidateIdentity(spec, field.NewPath("spec")),
		[]string{`spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set`})
	spec.ServiceAccountName = "default"
	check(t, podspec.ValidateIdentity(spec, field.NewPath("spec")), nil)
}

func TestAnnotations(t *testing.T) {
	spec := podSpecOf(t, `containers: [{name: c, image: i}]`)
	for key, cases := range map[string]map[string]string{
		corev1.MirrorPodAnnotationKey: {"x": `a[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set`},
		corev1.PodDeletionCost: {"-5": "", "0": "", "+5": "must be a 32bit integer", "05": "must be a 32bit integer", "": "must be a 32bit integer",
			"3000000000": "must be a 32bit integer"},
		corev1.TolerationsAnnotationKey: {`[{"key":"a","operator":"Exists"}]`: "", "": "",
			`{`:               `a: Invalid value: "scheduler.alpha.kubernetes.io/tolerations": unexpected end of JSON input`,
			`[{"key":"a b"}]`: `a.scheduler.alpha.kubernetes.io/tolerations[0].key: Invalid value: "a b"`},
	} {
		for value, want := range cases {
			got := ""
			if errs := podspec.ValidateAnnotations(map[string]string{key: value}, spec, field.NewPath("a")); len(errs) > 0 {
				got = errs[0].Error()
			}
			if (got == "") != (want == "") || !strings.Contains(got, want) {
				t.Errorf("%s %q: got %q, want %q", key, value, got, want)
			}
		}
	}
}
