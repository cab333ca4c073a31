package batch

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/apitest"
)

func TestJobUpdate(t *testing.T) {
	old := jobOf(t, pods)
	old.Status.Active = 1
	job := old.DeepCopy()
	job.Status.Active = 5
	job.Spec.Parallelism, job.Spec.Suspend = ptr.To[int32](3), ptr.To(true)
	prepareJobUpdate(t.Context(), job, old)
	apitest.Errors(t, "what may change", validateJobUpdate(job, old))
	if job.Generation != 2 || job.Status.Active != 1 {
		t.Errorf("generation %d, active %d", job.Generation, job.Status.Active)
	}
	job.Spec.Completions = ptr.To[int32](2)
	job.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion)
	job.Spec.ManagedBy = ptr.To("a.b/c")
	job.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{}
	job.Spec.PodReplacementPolicy = ptr.To(batchv1.Failed)
	apitest.Errors(t, "what may not", validateJobUpdate(job, old),
		"spec.completions: Invalid value: 2: can only be modified in tandem with spec.parallelism",
		`spec.completionMode: Invalid value: "Indexed": field is immutable`,
		`spec.podFailurePolicy: Invalid value: {"Rules":null}: field is immutable`,
		`spec.managedBy: Invalid value: "a.b/c": field is immutable`)
	job = old.DeepCopy()
	job.Spec.Completions = ptr.To[int32](2)
	apitest.Errors(t, "completions", validateJobUpdate(job, old), "spec.completions: Invalid value: 2: field is immutable")
}

// TestElastic lets an Indexed job change its size as a whole.
func TestElastic(t *testing.T) {
	old := jobOf(t, "completionMode: Indexed, completions: 3, parallelism: 3, "+pods)
	job := old.DeepCopy()
	job.Spec.Completions, job.Spec.Parallelism = ptr.To[int32](5), ptr.To[int32](5)
	apitest.Errors(t, "both", validateJobUpdate(job, old))
}

// TestTemplateUpdate holds what a queue may change while a job waits.
func TestTemplateUpdate(t *testing.T) {
	change := func(job *batchv1.Job) *batchv1.Job {
		job = job.DeepCopy()
		spec := &job.Spec.Template.Spec
		spec.NodeSelector = map[string]string{"zone": "a"}
		spec.Tolerations = []corev1.Toleration{{Key: "k", Operator: corev1.TolerationOpExists}}
		spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}
		spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
		return job
	}
	started := metav1.Now()
	for name, c := range map[string]struct {
		suspend bool
		status  batchv1.JobStatus
		ok      bool
	}{
		"suspended at create": {true, batchv1.JobStatus{}, true},
		"running":             {false, batchv1.JobStatus{}, false},
		"stopping":            {true, batchv1.JobStatus{StartTime: &started, Active: 1}, false},
		"stopped": {true, batchv1.JobStatus{StartTime: &started,
			Conditions: []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: corev1.ConditionTrue}}}, true},
	} {
		old := jobOf(t, pods)
		old.Spec.Suspend, old.Status = &c.suspend, c.status
		errs := validateJobUpdate(change(old), old)
		switch {
		case c.ok:
			apitest.Errors(t, name, errs)
		case len(errs) != 1 || errs[0].Field != "spec.template" || errs[0].Detail != "field is immutable":
			t.Errorf("%s: %v", name, errs)
		}
		job := old.DeepCopy()
		job.Spec.Template.Spec.Containers[0].Image = "other:1"
		if errs := validateJobUpdate(job, old); len(errs) != 1 || !strings.Contains(errs[0].Error(), `"Image":"other:1"`) ||
			strings.Contains(errs[0].Error(), `Invalid value: {"labels":{`) == c.ok {
			t.Errorf("%s: another image: %v", name, errs)
		}
	}
}

func TestJobStatus(t *testing.T) {
	start, end := metav1.NewTime(time.Unix(100, 0)), metav1.NewTime(time.Unix(200, 0))
	yes := func(kinds ...batchv1.JobConditionType) (list []batchv1.JobCondition) {
		for _, kind := range kinds {
			list = append(list, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue})
		}
		return list
	}
	done := batchv1.JobStatus{StartTime: &start, CompletionTime: &end, Succeeded: 1, Conditions: yes(batchv1.JobSuccessCriteriaMet, batchv1.JobComplete)}
	for name, c := range map[string]struct {
		spec        string
		before, now batchv1.JobStatus
		want        []string
	}{
		"done": {"", batchv1.JobStatus{StartTime: &start}, done, nil},
		"done without words": {"", batchv1.JobStatus{}, batchv1.JobStatus{Active: 1, Conditions: yes(batchv1.JobComplete)}, []string{
			"status.completionTime: Required value: completionTime is required for Complete jobs",
			"status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
			"status.active: Invalid value: 1: active>0 is invalid for finished job",
			"status.startTime: Required value: startTime is required for finished job"}},
		"counts": {"", batchv1.JobStatus{}, batchv1.JobStatus{Failed: -1, Ready: ptr.To[int32](1),
			UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{Failed: []types.UID{"a", "a", ""}}}, []string{
			"status.failed: Invalid value: -1: must be greater than or equal to 0",
			`status.uncountedTerminatedPods.failed[1]: Duplicate value: "a"`,
			`status.uncountedTerminatedPods.failed[2]: Invalid value: "": must not be empty`,
			"status.ready: Invalid value: 1: cannot set more ready pods than active",
			"status.failed: Invalid value: -1: cannot decrease the failed counter"}},
		"both ends": {"", batchv1.JobStatus{StartTime: &start}, batchv1.JobStatus{StartTime: &start, CompletionTime: &end,
			Conditions: yes(batchv1.JobComplete, batchv1.JobFailed, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet)}, []string{
			"status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions",
			"status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true conditions",
			"status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true conditions",
			"status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"}},
		"indexes": {"completionMode: Indexed, completions: 3, backoffLimitPerIndex: 1, ", batchv1.JobStatus{}, batchv1.JobStatus{CompletedIndexes: "0,9", FailedIndexes: ptr.To("0")}, []string{
			`status.completedIndexes: Invalid value: "0,9": error parsing completedIndexes: too large index: "9"`,
			`status.failedIndexes: Invalid value: "0": failedIndexes and completedIndexes overlap at index: 0`}},
		"indexes of none": {"", batchv1.JobStatus{}, batchv1.JobStatus{CompletedIndexes: "0", FailedIndexes: ptr.To("")}, []string{
			`status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode`,
			`status.failedIndexes: Invalid value: "": cannot set non-null failedIndexes when backoffLimitPerIndex is null`}},
		"undone": {"", done, batchv1.JobStatus{}, []string{
			"status.conditions: Invalid value: cannot disable the terminal Complete=True condition",
			"status.succeeded: Invalid value: 0: cannot decrease the succeeded counter",
			"status.startTime: Required value: startTime cannot be removed for unsuspended job",
			"status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition"}},
		"what was wrong before": {"", batchv1.JobStatus{CompletionTime: &end}, batchv1.JobStatus{CompletionTime: &end, Active: 1}, nil},
	} {
		old := jobOf(t, c.spec+pods)
		old.Status = c.before
		job := old.DeepCopy()
		job.Status = c.now
		apitest.Errors(t, name, validateJobStatus(job, old), c.want...)
	}
}
