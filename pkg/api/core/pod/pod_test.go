package pod

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// podOf decodes a pod, strictly, and fills its defaults.
func podOf(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
		t.Fatal(err)
	}
	pod.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
	defaultPod(pod)
	return pod
}

const twoContainers = `{containers: [{name: a, image: i}, {name: b, image: i}]}`

func TestPodRow(t *testing.T) {
	for name, c := range map[string]struct {
		spec, status string
		deleted      bool
		want         string // ready, status, restarts
	}{
		"pending":     {twoContainers, `{phase: Pending}`, false, "0/2 Pending 0"},
		"gated":       {twoContainers, `{phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: SchedulingGated}]}`, false, "0/2 SchedulingGated 0"},
		"terminating": {twoContainers, `{phase: Running}`, true, "0/2 Terminating 0"},
		"lost":        {twoContainers, `{phase: Running, reason: NodeLost}`, true, "0/2 Unknown 0"},
		"evicted":     {twoContainers, `{phase: Failed, reason: Evicted}`, false, "0/2 Evicted 0"},
		"starting": {twoContainers, `{phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ContainerCreating}}}, {name: b, state: {waiting: {reason: ContainerCreating}}}]}`,
			false, "0/2 ContainerCreating 0"},
		"running": {twoContainers, `{phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: a, ready: true, state: {running: {}}}, {name: b, ready: true, restartCount: 2, state: {running: {}}, lastState: {terminated: {exitCode: 1, finishedAt: "2026-01-02T02:59:05Z"}}}]}`,
			false, "2/2 Running 2 (5m ago)"},
		"crashing": {twoContainers, `{phase: Running, containerStatuses: [{name: a, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}}, {name: b, ready: true, state: {running: {}}}]}`,
			false, "1/2 CrashLoopBackOff 3"},
		"completed": {twoContainers, `{phase: Succeeded, containerStatuses: [{name: a, state: {terminated: {reason: Completed}}}, {name: b, state: {terminated: {reason: Completed}}}]}`,
			false, "0/2 Completed 0"},
		"one ended": {twoContainers, `{phase: Running, containerStatuses: [{name: a, state: {terminated: {reason: Completed}}}, {name: b, ready: true, state: {running: {}}}]}`,
			false, "1/2 NotReady 0"},
		"killed": {twoContainers, `{phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 137, signal: 9}}}, {name: b, state: {terminated: {exitCode: 3}}}]}`,
			false, "0/2 Signal:9 0"},
		"initializing": {`{containers: [{name: a, image: i}], initContainers: [{name: x, image: i}, {name: y, image: i}]}`,
			`{phase: Pending, initContainerStatuses: [{name: x, state: {terminated: {exitCode: 0}}}, {name: y, state: {running: {}}}]}`, false, "0/1 Init:1/2 0"},
		"init failing": {`{containers: [{name: a, image: i}], initContainers: [{name: x, image: i}]}`,
			`{phase: Pending, initContainerStatuses: [{name: x, restartCount: 4, state: {terminated: {exitCode: 1, reason: Error}}}]}`, false, "0/1 Init:Error 4"},
		"sidecar": {`{containers: [{name: a, image: i}], initContainers: [{name: x, image: i, restartPolicy: Always}]}`,
			`{phase: Running, conditions: [{type: Ready, status: "True"}], initContainerStatuses: [{name: x, started: true, ready: true, restartCount: 1, state: {running: {}}}], containerStatuses: [{name: a, ready: true, state: {running: {}}}]}`,
			false, "2/2 Running 1"},
	} {
		pod := podOf(t, "spec: "+c.spec+"\nstatus: "+c.status)
		if c.deleted {
			pod.DeletionTimestamp = &metav1.Time{Time: now}
		}
		row := podRow(pod, now)
		got := strings.Join([]string{row[1].(string), row[2].(string), row[3].(string)}, " ")
		if got != c.want || row[4] != "60m" {
			t.Errorf("%s: got %q %v, want %q", name, got, row[4], c.want)
		}
	}
}

func TestBinding(t *testing.T) {
	bind := func(pod *corev1.Pod, node string) error {
		return Bind(api.WithTime(t.Context(), now), pod, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: node}})
	}
	pod := podOf(t, `{metadata: {name: p, generation: 1}, spec: {containers: [{name: c, image: i}]}, status: {nominatedNodeName: n1}}`)
	if err := bind(pod, "n1"); err != nil {
		t.Fatal(err)
	}
	condition := pod.Status.Conditions[0]
	if pod.Spec.NodeName != "n1" || condition.Type != corev1.PodScheduled || condition.Status != corev1.ConditionTrue ||
		condition.ObservedGeneration != 0 || !condition.LastTransitionTime.Time.Equal(now) || pod.Status.NominatedNodeName != "" {
		t.Errorf("bound pod: %+v %+v", pod.Spec.NodeName, pod.Status)
	}
	want := `Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"`
	if err := bind(pod, "n2"); err == nil || err.Error() != want {
		t.Errorf("second binding: got %v, want %s", err, want)
	}
	gated := podOf(t, `{metadata: {name: g}, spec: {containers: [{name: c, image: i}], schedulingGates: [{name: wait}]}}`)
	if err := bind(gated, "n1"); err == nil || !strings.HasSuffix(err.Error(), `pod g has non-empty .spec.schedulingGates`) {
		t.Errorf("gated pod: %v", err)
	}
}

func TestValidateBinding(t *testing.T) {
	for _, c := range []struct{ kind, name, want string }{
		{"", "n", ""},
		{"Node", "", "target.name: Required value"},
		{"Pod", "a b", `target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"`},
		{"Node", "a b", `target.name: Invalid value: "a b": a lowercase RFC 1123 subdomain`},
	} {
		errs := ValidateBinding(&corev1.Binding{Target: corev1.ObjectReference{Kind: c.kind, Name: c.name}})
		if got := errs.ToAggregate(); (got == nil) != (c.want == "") || got != nil && !strings.HasPrefix(got.Error(), c.want) {
			t.Errorf("%s %q: %v", c.kind, c.name, got)
		}
	}
}

func TestPodGrace(t *testing.T) {
	for name, c := range map[string]struct {
		pod  string
		asks *int64
		want int64
	}{
		"its own":       {`{spec: {nodeName: n, terminationGracePeriodSeconds: 7}}`, nil, 7},
		"default":       {`{spec: {nodeName: n}}`, nil, 30},
		"asked":         {`{spec: {nodeName: n}}`, ptr.To[int64](3), 3},
		"at once":       {`{spec: {nodeName: n}}`, ptr.To[int64](0), 0},
		"negative":      {`{spec: {nodeName: n, terminationGracePeriodSeconds: -5}}`, nil, 1},
		"not scheduled": {`{spec: {}}`, ptr.To[int64](60), 0},
		"ended":         {`{spec: {nodeName: n}, status: {phase: Succeeded}}`, nil, 0},
	} {
		options := &metav1.DeleteOptions{GracePeriodSeconds: c.asks}
		if got := podGrace(podOf(t, c.pod), options); got != c.want || *options.GracePeriodSeconds != c.want {
			t.Errorf("%s: got %d, options %d, want %d", name, got, *options.GracePeriodSeconds, c.want)
		}
	}
}

func TestPodStatusPut(t *testing.T) {
	stored := podOf(t, `{metadata: {name: p, generation: 2}, spec: {nodeName: n, containers: [{name: c, image: i}]}, status: {qosClass: BestEffort, observedGeneration: 2, conditions: [{type: Ready, status: "False", observedGeneration: 2}]}}`)
	stored.OwnerReferences = []metav1.OwnerReference{{Name: "rs"}}
	body := podOf(t, `{metadata: {name: p}, spec: {containers: [{name: other, image: j}]}, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}`)
	stored, err := apitest.Put(t, Resource, "status", stored, body)
	if err != nil {
		t.Fatal(err)
	}
	s := stored.Status
	if stored.Spec.Containers[0].Name != "c" || len(stored.OwnerReferences) != 1 || stored.Generation != 2 {
		t.Error("a status write changed more than the status")
	}
	if s.Phase != corev1.PodRunning || s.QOSClass != corev1.PodQOSBestEffort || s.ObservedGeneration != 2 || s.Conditions[0].ObservedGeneration != 2 {
		t.Errorf("status: %+v", s)
	}
}

func TestPodUpdate(t *testing.T) {
	const before = `{metadata: {name: p, generation: 1}, spec: {containers: [{name: c, image: "i:1"}], tolerations: [{key: a, operator: Exists}], activeDeadlineSeconds: 10}}`
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string // the beginning of the first error
	}{
		"image": {func(p *corev1.Pod) { p.Spec.Containers[0].Image = "i:2" }, ""},
		"more tolerations": {func(p *corev1.Pod) {
			p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{Key: "b", Operator: "Exists"})
		}, ""},
		"fewer tolerations": {func(p *corev1.Pod) { p.Spec.Tolerations = nil },
			"spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"},
		"nearer deadline": {func(p *corev1.Pod) { *p.Spec.ActiveDeadlineSeconds = 5 }, ""},
		"later deadline": {func(p *corev1.Pod) { *p.Spec.ActiveDeadlineSeconds = 50 },
			"spec.activeDeadlineSeconds: Invalid value: 50: must be less than or equal to previous value"},
		"another container": {func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, *p.Spec.Containers[0].DeepCopy())
			p.Spec.Containers[1].Name = "d"
		},
			"spec.containers: Forbidden: pod updates may not add or remove containers"},
		"node": {func(p *corev1.Pod) { p.Spec.NodeName = "n" },
			"spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"},
	} {
		old, pod := podOf(t, before), podOf(t, before)
		c.change(pod)
		preparePodUpdate(t.Context(), pod, old)
		if pod.Generation != 2 {
			t.Errorf("%s: generation %d", name, pod.Generation)
		}
		errs := validatePodUpdate(pod, old)
		switch {
		case c.want == "" && len(errs) > 0:
			t.Errorf("%s: %v", name, errs)
		case c.want != "" && (len(errs) == 0 || !strings.HasPrefix(errs[0].Error(), c.want)):
			t.Errorf("%s: got %v, want %s", name, errs, c.want)
		}
	}
}

// TestSubresourcesHaveRulesOfTheirOwn: those of an update would refuse what they are for.
func TestSubresourcesHaveRulesOfTheirOwn(t *testing.T) {
	for _, s := range Resource.Subresources {
		if s.Put != nil && s.Validate == nil {
			t.Errorf("%s is validated as an update", s.Name)
		}
	}
}

func TestResize(t *testing.T) {
	old := podOf(t, `{metadata: {name: p, generation: 1}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}, status: {qosClass: Burstable}}`)
	resize := func(resources string) (*corev1.Pod, field.ErrorList) {
		body := podOf(t, `{spec: {nodeName: other, containers: [{name: c, image: j, resources: `+resources+`}]}}`)
		pod := old.DeepCopy()
		if err := putPodResize(t.Context(), pod, body); err != nil {
			t.Fatal(err)
		}
		preparePodUpdate(t.Context(), pod, old)
		return pod, validateResize(pod, old)
	}
	pod, errs := resize(`{requests: {cpu: 200m}}`)
	if len(errs) > 0 || pod.Generation != 2 || pod.Spec.Containers[0].Image != "i" || pod.Spec.NodeName != "" {
		t.Errorf("more CPU: %v, generation %d, %+v", errs, pod.Generation, pod.Spec)
	}
	if _, errs = resize(`{}`); len(errs) != 2 || errs[0].Error() != `spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing` ||
		errs[1].Error() != `spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed` {
		t.Errorf("no requests: %v", errs)
	}
	if _, errs = resize(`{requests: {cpu: 100m, ephemeral-storage: 1Gi}}`); len(errs) != 1 || errs[0].Error() != `spec: Forbidden: only cpu and memory resources are mutable` {
		t.Errorf("storage: %v", errs)
	}
}

func TestEphemeralContainers(t *testing.T) {
	old := podOf(t, `{metadata: {name: p, generation: 1}, spec: {containers: [{name: c, image: i}], ephemeralContainers: [{name: a, image: i}]}}`)
	put := func(containers string) field.ErrorList {
		body := podOf(t, `{spec: {containers: [{name: c, image: i}], ephemeralContainers: `+containers+`}}`)
		pod := old.DeepCopy()
		if err := putEphemeralContainers(t.Context(), pod, body); err != nil {
			t.Fatal(err)
		}
		return validateEphemeralUpdate(pod, old)
	}
	if errs := put(`[{name: a, image: i}, {name: b, image: i, targetContainerName: c}]`); len(errs) > 0 {
		t.Errorf("one more: %v", errs)
	}
	for containers, want := range map[string]string{
		`[]`: `spec.ephemeralContainers: Forbidden: existing ephemeral containers "a" may not be removed`,
		`[{name: a, image: i}, {name: c, image: i}]`:                                   `spec.ephemeralContainers[1].name: Duplicate value: "c"`,
		`[{name: a, image: i}, {name: b, image: i, targetContainerName: x}]`:           `spec.ephemeralContainers[1].targetContainerName: Not found: "x"`,
		`[{name: a, image: i}, {name: b, image: i, ports: [{containerPort: 80}]}]`:     `spec.ephemeralContainers[1].ports: Forbidden: cannot be set for an Ephemeral Container`,
		`[{name: a, image: i}, {name: b, image: i, lifecycle: {preStop: {exec: {}}}}]`: `spec.ephemeralContainers[1].lifecycle: Forbidden: cannot be set for an Ephemeral Container`,
	} {
		if errs := put(containers); len(errs) != 1 || strings.TrimSpace(errs[0].Error()) != want {
			t.Errorf("%s: got %v, want %s", containers, errs, want)
		}
	}
}

// TestGatedPod holds that a pod that waits can only be bound to fewer nodes.
func TestGatedPod(t *testing.T) {
	const before = `{metadata: {name: p}, spec: {containers: [{name: c, image: i}], schedulingGates: [{name: g}], nodeSelector: {a: b}, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: k, operator: Exists}]}]}}}}}`
	for change, want := range map[string]string{
		`{nodeSelector: {a: b, c: d}}`: "",
		`{nodeSelector: {a: x}}`:       `spec.nodeSelector: Invalid value: {"a":"x"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: k, operator: Exists}, {key: l, operator: Exists}]}]}}}}`: "",
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: l, operator: Exists}]}]}}}}`: `spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: Invalid value: ` +
			`{"MatchExpressions":[{"Key":"l","Operator":"Exists","Values":null}],"MatchFields":null}: only additions are allowed (no mutations or deletions)`,
		`{affinity: {}}`: `spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Invalid value: null: no additions/deletions to non-empty NodeSelectorTerms list are allowed`,
	} {
		old, pod := podOf(t, before), podOf(t, before)
		changed := &corev1.PodSpec{}
		if err := yaml.UnmarshalStrict([]byte(change), changed); err != nil {
			t.Fatal(err)
		}
		if changed.NodeSelector != nil {
			pod.Spec.NodeSelector = changed.NodeSelector
		}
		if changed.Affinity != nil {
			pod.Spec.Affinity = changed.Affinity
		}
		got := ""
		if errs := validatePodUpdate(pod, old); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", change, got, want)
		}
	}
}

func TestFixedAnnotations(t *testing.T) {
	old := podOf(t, `{metadata: {name: p, annotations: {kubernetes.io/config.mirror: a}}, spec: {nodeName: n, containers: [{name: c, image: i}]}}`)
	pod := old.DeepCopy()
	pod.Annotations = map[string]string{"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}
	want := `[metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not remove or update mirror pod annotation, ` +
		`metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: Forbidden: may not add AppArmor annotations]`
	if got := validatePodUpdate(pod, old).ToAggregate(); got == nil || got.Error() != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestPodStatus(t *testing.T) {
	const spec = `spec: {nodeName: n, restartPolicy: Never, containers: [{name: c, image: i}, {name: d, image: i, restartPolicy: OnFailure}]}`
	old := podOf(t, `{`+spec+`, status: {qosClass: BestEffort, containerStatuses: [{name: c, state: {terminated: {exitCode: 1}}}, {name: d, state: {terminated: {exitCode: 1}}}]}}`)
	for status, want := range map[string]string{
		`{qosClass: BestEffort}`: "",
		`{qosClass: Guaranteed}`: `status.qosClass: Invalid value: "Guaranteed": field is immutable`,
		`{qosClass: BestEffort, containerStatuses: [{name: d, state: {running: {}}}]}`:                              "",
		`{qosClass: BestEffort, containerStatuses: [{name: c, state: {running: {}}}]}`:                              `status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state`,
		`{qosClass: BestEffort, nominatedNodeName: m}`:                                                              `status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node`,
		`{qosClass: BestEffort, resourceClaimStatuses: [{name: x}]}`:                                                "status.resourceClaimStatuses[0].name: Invalid value: \"x\": must match the name of an entry in `spec.resourceClaims`",
		`{qosClass: BestEffort, observedGeneration: -1}`:                                                            `status.observedGeneration: Invalid value: -1: must be a non-negative integer`,
		`{qosClass: BestEffort, hostIP: 192.0.2.1, hostIPs: [{ip: 192.0.2.1}, {ip: 192.0.2.2}]}`:                    `status.hostIPs: Invalid value: [{"IP":"192.0.2.1"},{"IP":"192.0.2.2"}]: may specify no more than one IP for each IP family`,
		`{qosClass: BestEffort, containerStatuses: [{name: c, state: {terminated: {}}, user: {linux: {uid: -1}}}]}`: `status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 4294967295, inclusive`,
		`{qosClass: BestEffort, containerStatuses: [{name: c, state: {terminated: {}}, allocatedResourcesStatus: [{name: example.com/gpu, resources: [{resourceID: a, health: Healthy}]}]}]}`: `status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: "example.com/gpu": must match one of the container's resource requests`,
	} {
		got := ""
		if errs := validatePodStatus(podOf(t, `{`+spec+`, status: `+status+`}`), old); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", status, got, want)
		}
	}
}
