package batch

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// Controllers other than ours may manage a job (spec.managedBy), so what a status
// may say is written down here. Rules hold for the parts that a write changes:
// what was wrong before may stay so, or no status could ever be mended.

var (
	status     = field.NewPath("status")
	conditions = status.Child("conditions")
)

// statusChange is a status, the one before it, and which of its parts differ.
type statusChange struct {
	spec          *batchv1.JobSpec
	now, before   *batchv1.JobStatus
	complete      bool // the condition now, as the next ones
	failed        bool
	failureTarget bool
	successMet    bool
}

func validateJobStatus(obj, old api.Object) field.ErrorList {
	job, before := obj.(*batchv1.Job), old.(*batchv1.Job)
	c := &statusChange{
		spec: &job.Spec, now: &job.Status, before: &before.Status,
		complete: isTrue(&job.Status, batchv1.JobComplete), failed: isTrue(&job.Status, batchv1.JobFailed),
		failureTarget: isTrue(&job.Status, batchv1.JobFailureTarget), successMet: isTrue(&job.Status, batchv1.JobSuccessCriteriaMet),
	}
	errs := validateCounts(c.now)
	for _, rules := range [][]rule{c.conditionRules(), c.finishedRules(), c.indexRules(), c.podRules(), c.successRules(), c.historyRules()} {
		for _, r := range rules {
			if r.concerned && r.broken {
				errs = append(errs, r.err)
			}
		}
	}
	return errs
}

// rule is an error, whether the write is concerned by it and whether it is made.
type rule struct {
	concerned, broken bool
	err               *field.Error
}

func noValue(path *field.Path, message string) *field.Error {
	return field.Invalid(path, field.OmitValueType{}, message)
}

func validateCounts(s *batchv1.JobStatus) (errs field.ErrorList) {
	for _, n := range []struct {
		name  string
		value int32
	}{{"active", s.Active}, {"succeeded", s.Succeeded}, {"failed", s.Failed}, {"ready", ptr.Deref(s.Ready, 0)}, {"terminating", ptr.Deref(s.Terminating, 0)}} {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(n.value), status.Child(n.name))...)
	}
	if s.UncountedTerminatedPods == nil {
		return errs
	}
	seen := sets.New[types.UID]()
	check := func(name string, pods []types.UID) {
		for i, uid := range pods {
			path := status.Child("uncountedTerminatedPods", name).Index(i)
			switch {
			case uid == "":
				errs = append(errs, field.Invalid(path, uid, "must not be empty"))
			case seen.Has(uid):
				errs = append(errs, field.Duplicate(path, uid))
			}
			seen.Insert(uid)
		}
	}
	check("succeeded", s.UncountedTerminatedPods.Succeeded)
	check("failed", s.UncountedTerminatedPods.Failed)
	return errs
}

// toggled reports whether a condition became true or ceased to be.
func (c *statusChange) toggled(kind batchv1.JobConditionType) bool {
	return isTrue(c.now, kind) != isTrue(c.before, kind)
}

func (c *statusChange) conditionRules() []rule {
	complete, failed := c.toggled(batchv1.JobComplete), c.toggled(batchv1.JobFailed)
	start, completion := c.now.StartTime, c.now.CompletionTime
	startMoved, completionMoved := !start.Equal(c.before.StartTime), !completion.Equal(c.before.CompletionTime)
	at := status.Child("completionTime")
	return []rule{
		{complete || failed, c.complete && c.failed, noValue(conditions, "cannot set Complete=True and Failed=true conditions")},
		{complete || c.toggled(batchv1.JobFailureTarget), c.complete && c.failureTarget,
			noValue(conditions, "cannot set Complete=True and FailureTarget=true conditions")},
		{complete || completionMoved, completion != nil && !c.complete,
			field.Invalid(at, completion, "cannot set completionTime when there is no Complete=True condition")},
		{complete || completionMoved, completion == nil && c.complete, field.Required(at, "completionTime is required for Complete jobs")},
		{startMoved || completionMoved, start != nil && completion != nil && completion.Before(start),
			field.Invalid(at, completion, "completionTime cannot be set before startTime")},
		{failed || c.failedIndexesChanged(), c.failed && !c.failureTarget,
			noValue(conditions, "cannot set Failed=True condition without the FailureTarget=true condition")},
		{complete || c.toggled(batchv1.JobSuccessCriteriaMet), c.complete && !c.successMet,
			noValue(conditions, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition")},
	}
}

func (c *statusChange) finished() bool { return c.complete || c.failed }

func (c *statusChange) finishedToggled() bool {
	return c.finished() != (isTrue(c.before, batchv1.JobComplete) || isTrue(c.before, batchv1.JobFailed))
}

func (c *statusChange) finishedRules() []rule {
	toggled, finished := c.finishedToggled(), c.finished()
	uncounted := c.now.UncountedTerminatedPods
	return []rule{
		{toggled || c.now.Active != c.before.Active, finished && c.now.Active > 0,
			field.Invalid(status.Child("active"), c.now.Active, "active>0 is invalid for finished job")},
		{toggled || !c.now.StartTime.Equal(c.before.StartTime), finished && c.now.StartTime == nil,
			field.Required(status.Child("startTime"), "startTime is required for finished job")},
		{toggled || !equality.Semantic.DeepEqual(uncounted, c.before.UncountedTerminatedPods),
			finished && uncounted != nil && len(uncounted.Failed)+len(uncounted.Succeeded) > 0,
			field.Invalid(status.Child("uncountedTerminatedPods"), api.Internal(uncounted), "uncountedTerminatedPods needs to be empty for finished job")},
	}
}

func (c *statusChange) failedIndexesChanged() bool {
	return !ptr.Equal(c.now.FailedIndexes, c.before.FailedIndexes)
}

func (c *statusChange) indexRules() []rule {
	completedAt, failedAt := status.Child("completedIndexes"), status.Child("failedIndexes")
	completedChanged, failedChanged := c.now.CompletedIndexes != c.before.CompletedIndexes, c.failedIndexesChanged()
	completed, failed := c.now.CompletedIndexes, ptr.Deref(c.now.FailedIndexes, "")
	completions, limited := ptr.Deref(c.spec.Completions, 0), c.spec.BackoffLimitPerIndex != nil

	rules := []rule{}
	if c.spec.Completions != nil {
		if _, err := countIndexes(completed, completions); err != nil {
			rules = append(rules, rule{completedChanged, true, field.Invalid(completedAt, completed, "error parsing completedIndexes: "+err.Error())})
		}
		if _, err := countIndexes(failed, completions); err != nil {
			rules = append(rules, rule{failedChanged, limited, field.Invalid(failedAt, failed, "error parsing failedIndexes: "+err.Error())})
		}
	}
	rules = append(rules,
		rule{completedChanged, completed != "" && !isIndexed(c.spec),
			field.Invalid(completedAt, completed, "cannot set non-empty completedIndexes when non-indexed completion mode")},
		rule{failedChanged, !limited && c.now.FailedIndexes != nil,
			field.Invalid(failedAt, failed, "cannot set non-null failedIndexes when backoffLimitPerIndex is null")})
	if err := checkDisjoint(completed, failed, completions); err != nil {
		rules = append(rules, rule{completedChanged || failedChanged, true, field.Invalid(failedAt, failed, err.Error())})
	}
	return rules
}

func (c *statusChange) podRules() []rule {
	ready, terminating := c.now.Ready, c.now.Terminating
	return []rule{
		{c.finishedToggled() || !ptr.Equal(terminating, c.before.Terminating), c.finished() && ptr.Deref(terminating, 0) > 0,
			field.Invalid(status.Child("terminating"), terminating, "terminating>0 is invalid for finished job")},
		{!ptr.Equal(ready, c.before.Ready) || c.now.Active != c.before.Active, ptr.Deref(ready, 0) > c.now.Active,
			field.Invalid(status.Child("ready"), ready, "cannot set more ready pods than active")},
	}
}

func (c *statusChange) successRules() []rule {
	return []rule{
		{true, c.successMet && c.failed, noValue(conditions, "cannot set SuccessCriteriaMet=True and Failed=true conditions")},
		{true, c.successMet && c.failureTarget, noValue(conditions, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")},
		{true, c.spec.SuccessPolicy != nil && !c.successMet && c.complete,
			noValue(conditions, "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True")},
	}
}

// historyRules are about what, once said, stays said.
func (c *statusChange) historyRules() (rules []rule) {
	for _, kind := range []batchv1.JobConditionType{batchv1.JobFailed, batchv1.JobComplete, batchv1.JobFailureTarget} {
		rules = append(rules, rule{isTrue(c.before, kind), !isTrue(c.now, kind), noValue(conditions, "cannot disable the terminal "+string(kind)+"=True condition")})
	}
	metBefore := isTrue(c.before, batchv1.JobSuccessCriteriaMet)
	mayShrink := isIndexed(c.spec) && ptr.Equal(c.spec.Completions, c.spec.Parallelism)
	start, completion := c.now.StartTime, c.now.CompletionTime
	return append(rules,
		rule{true, c.now.Failed < c.before.Failed, field.Invalid(status.Child("failed"), c.now.Failed, "cannot decrease the failed counter")},
		rule{!mayShrink, c.now.Succeeded < c.before.Succeeded,
			field.Invalid(status.Child("succeeded"), c.now.Succeeded, "cannot decrease the succeeded counter")},
		rule{completion != nil && c.before.CompletionTime != nil, !completion.Equal(c.before.CompletionTime),
			field.Invalid(status.Child("completionTime"), completion, "completionTime cannot be mutated")},
		rule{c.before.StartTime != nil, !start.Equal(c.before.StartTime) && !ptr.Deref(c.spec.Suspend, false),
			field.Required(status.Child("startTime"), "startTime cannot be removed for unsuspended job")},
		rule{metBefore, !c.successMet, noValue(conditions, "cannot disable the SuccessCriteriaMet=True condition")},
		rule{isTrue(c.before, batchv1.JobComplete) && !metBefore, c.successMet,
			noValue(conditions, "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")})
}
