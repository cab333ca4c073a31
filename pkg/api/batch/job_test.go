package batch

import (
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/apitest"
)

const pods = `template: {spec: {restartPolicy: Never, containers: [{name: c, image: "i:1"}]}}`

// jobOf returns a job as a create of it leaves it.
func jobOf(t *testing.T, spec string) *batchv1.Job {
	t.Helper()
	job := apitest.Object[*batchv1.Job](t, Job, "{metadata: {name: j, uid: u}, spec: {"+spec+"}}")
	prepareJobCreate(t.Context(), job)
	return job
}

func TestJobDefaults(t *testing.T) {
	spec := jobOf(t, pods).Spec
	if *spec.Completions != 1 || *spec.Parallelism != 1 || *spec.BackoffLimit != 6 || *spec.CompletionMode != "NonIndexed" ||
		*spec.Suspend || *spec.ManualSelector || *spec.PodReplacementPolicy != "TerminatingOrFailed" {
		t.Errorf("%+v", spec)
	}
	spec = jobOf(t, "parallelism: 2, backoffLimitPerIndex: 1, podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}, "+pods).Spec
	if spec.Completions != nil || *spec.BackoffLimit != 2147483647 || *spec.PodReplacementPolicy != "Failed" ||
		spec.PodFailurePolicy.Rules[0].OnPodConditions[0].Status != "True" {
		t.Errorf("%+v", spec)
	}
}

// TestGeneratedSelector holds the labels that tie pods to their job.
func TestGeneratedSelector(t *testing.T) {
	job := jobOf(t, pods)
	want := map[string]string{"job-name": "j", "batch.kubernetes.io/job-name": "j", "controller-uid": "u", "batch.kubernetes.io/controller-uid": "u"}
	for _, labels := range []map[string]string{job.Spec.Template.Labels, job.Labels} {
		if len(labels) != len(want) {
			t.Errorf("labels %v", labels)
		}
		for key, value := range want {
			if labels[key] != value {
				t.Errorf("label %s is %q", key, labels[key])
			}
		}
	}
	if got := metav1.FormatLabelSelector(job.Spec.Selector); got != "batch.kubernetes.io/controller-uid=u" {
		t.Errorf("selector %s", got)
	}
	apitest.Errors(t, "plain", validateJob(job))

	job = jobOf(t, `template: {metadata: {labels: {app: x}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}`)
	if job.Labels["app"] != "x" || job.Labels["job-name"] != "j" || len(job.Labels) != 5 {
		t.Errorf("labels %v", job.Labels)
	}
	job = jobOf(t, `template: {metadata: {labels: {job-name: other}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}`)
	apitest.Errors(t, "a label of the client's", validateJob(job),
		`spec.template.metadata.labels[job-name]: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"j","controller-uid":"u","job-name":"other"}: must be 'j'`)
	job = jobOf(t, "selector: {matchLabels: {a: b}}, "+pods)
	apitest.Errors(t, "a selector of the client's", validateJob(job),
		"spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"batch.kubernetes.io/controller-uid\":\"u\"}}: `selector` not auto-generated",
		"spec.template.metadata.labels: Invalid value: {\"batch.kubernetes.io/controller-uid\":\"u\",\"batch.kubernetes.io/job-name\":\"j\",\"controller-uid\":\"u\",\"job-name\":\"j\"}: `selector` does not match template `labels`")
	job = jobOf(t, "manualSelector: true, "+pods)
	apitest.Errors(t, "no selector at all", validateJob(job), "spec.selector: Required value",
		"spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`")
}

func TestJobValidate(t *testing.T) {
	const indexed = "completionMode: Indexed, completions: 3, "
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"no pods": {"", []string{"spec.template.spec.containers: Required value", `spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`}},
		"negative": {"parallelism: -1, completions: -1, activeDeadlineSeconds: -1, backoffLimit: -1, ttlSecondsAfterFinished: -1, " + pods, []string{
			"spec.parallelism: Invalid value: -1: must be greater than or equal to 0", "spec.completions: Invalid value: -1: must be greater than or equal to 0",
			"spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0", "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
			"spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0"}},
		"managed": {"managedBy: me, " + pods, []string{`spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")`}},
		"mode":    {"completionMode: Any, " + pods, []string{`spec.completionMode: Unsupported value: "Any": supported values: "NonIndexed", "Indexed"`}},
		"limits of no index": {"backoffLimitPerIndex: 1, maxFailedIndexes: 1, " + pods, []string{
			"spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode", "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode"}},
		"failed of no limit":    {indexed + "maxFailedIndexes: 1, " + pods, []string{"spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"}},
		"indexed without count": {"completionMode: Indexed, parallelism: 100001, " + pods, []string{"spec.completions: Required value: when completion mode is Indexed", "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed"}},
		"many": {"completionMode: Indexed, completions: 100001, parallelism: 10001, backoffLimitPerIndex: 1, " + pods, []string{
			"spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
			"spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index"}},
		"replacement": {"podReplacementPolicy: Never, " + pods, []string{`spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed"`}},
		"restart": {`template: {spec: {restartPolicy: OnFailure, containers: [{name: c, image: i}]}}, podReplacementPolicy: TerminatingOrFailed, podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [1]}}]}`, []string{
			`spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"`,
			`spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified`}},
	} {
		apitest.Errors(t, name, validateJob(jobOf(t, c.spec)), c.want...)
	}
	job := jobOf(t, indexed+pods)
	job.Name = strings.Repeat("a", 62)
	job.Spec.ManualSelector = ptr.To(true)
	apitest.Errors(t, "a long name", validateJob(job),
		`metadata.name: Invalid value: "`+job.Name+`": will not able to create pod with invalid DNS label: `+job.Name+`-2`)
}

func TestJobPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"failure": {`podFailurePolicy: {rules: [{}, {action: FailIndex, onExitCodes: {containerName: x, operator: In, values: [2, 0, 2]}}, {action: Any, onExitCodes: {}, onPodConditions: [{type: "", status: Maybe}]}]}`, []string{
			`spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`,
			`spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`,
			`spec.podFailurePolicy.rules[1].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`,
			`spec.podFailurePolicy.rules[1].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template`,
			`spec.podFailurePolicy.rules[1].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator`,
			`spec.podFailurePolicy.rules[1].onExitCodes.values[2]: Duplicate value: 2`,
			`spec.podFailurePolicy.rules[1].onExitCodes.values: Invalid value: [2,0,2]: must be ordered`,
			`spec.podFailurePolicy.rules[2].action: Unsupported value: "Any": supported values: "Count", "FailIndex", "FailJob", "Ignore"`,
			`spec.podFailurePolicy.rules[2].onExitCodes.operator: Required value: valid values: ["In" "NotIn"]`,
			`spec.podFailurePolicy.rules[2].onExitCodes.values: Invalid value: null: at least one value is required`,
			`spec.podFailurePolicy.rules[2].onPodConditions[0].type: Invalid value: "": name part must be non-empty`,
			`spec.podFailurePolicy.rules[2].onPodConditions[0].type: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
			`spec.podFailurePolicy.rules[2].onPodConditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"`,
			`spec.podFailurePolicy.rules[2]: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported`}},
		"success of no index": {`successPolicy: {rules: [{succeededCount: 1}]}`, []string{
			`spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed completion mode`}},
		"success": {`completionMode: Indexed, completions: 5, successPolicy: {rules: [{}, {succeededIndexes: "0,2-3", succeededCount: 4}, {succeededIndexes: "3-9"}, {succeededCount: 6}]}`, []string{
			`spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified`,
			`spec.successPolicy.rules[1].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of indexes in the specified succeededIndexes field)`,
			`spec.successPolicy.rules[2].succeededIndexes: Invalid value: "3-9": error parsing succeededIndexes: too large index: "9"`,
			`spec.successPolicy.rules[3].succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)`}},
		"no rule": {`completionMode: Indexed, completions: 5, successPolicy: {rules: []}`, []string{
			`spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified`}},
	} {
		apitest.Errors(t, name, validateJob(jobOf(t, c.spec+", "+pods)), c.want...)
	}
}

func TestIndexes(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "0": "", "0,2-4": "", "1-2-3": `the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'`,
		"a": `cannot convert string to integer for index: "a"`, "1-b": `cannot convert string to integer for index: "b"`, "9": `too large index: "9"`,
		"3-2": "non-increasing order, previous: 3, current: 2", "2,1": "non-increasing order, previous: 2, current: 1",
	} {
		got := ""
		if _, err := countIndexes(text, 5); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if n, err := countIndexes("0,2-4", 5); n != 4 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := checkDisjoint("0,x,2-4", "1,4", 9); err == nil || err.Error() != "failedIndexes and completedIndexes overlap at index: 4" {
		t.Error(err)
	}
	if err := checkDisjoint("0,2", "1,3-5", 9); err != nil {
		t.Error(err)
	}
}

func TestJobRow(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	job := jobOf(t, pods)
	job.CreationTimestamp = metav1.NewTime(now.Add(-time.Minute * 5))
	row := jobRow(job, now)
	if want := []any{"j", "Running", "0/1", "", "5m", "c", "i:1", "batch.kubernetes.io/controller-uid=u"}; !slices.Equal(row, want) {
		t.Errorf("%v", row)
	}
	job.Spec.Completions, job.Spec.Parallelism = nil, ptr.To[int32](3)
	job.Status = batchv1.JobStatus{Succeeded: 1, StartTime: ptr.To(metav1.NewTime(now.Add(-3 * time.Minute))),
		Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: "False"}, {Type: batchv1.JobSuspended, Status: "True"}}}
	if row := jobRow(job, now); row[1] != "Suspended" || row[2] != "1/1 of 3" || row[3] != "3m" {
		t.Errorf("%v", row)
	}
	if got := jobFields(job)["status.successful"]; got != "1" {
		t.Errorf("status.successful=%s", got)
	}
}

func TestJobWarnings(t *testing.T) {
	job := jobOf(t, "completionMode: Indexed, completions: 100001, parallelism: 10001, "+pods)
	want := "spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
	if got := jobWarnings(t.Context(), job, nil); !slices.Equal(got, []string{want}) {
		t.Errorf("%q", got)
	}
	if got := jobWarnings(t.Context(), job, job.DeepCopy()); got != nil {
		t.Errorf("the same: %q", got)
	}
	if len(jobDeleteWarnings(&metav1.DeleteOptions{})) != 1 || jobDeleteWarnings(&metav1.DeleteOptions{OrphanDependents: ptr.To(true)}) != nil {
		t.Error("a delete that says what is to be of the pods needs no warning; any other does")
	}
}
