package batch

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podtemplate"
)

// Job is the resource jobs.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/
var Job = &api.Resource{
	Group:      batchv1.GroupName,
	Version:    "v1",
	Kind:       "Job",
	Plural:     "jobs",
	Singular:   "job",
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &batchv1.Job{} },
	NewList:    func() runtime.Object { return &batchv1.JobList{} },

	Default:             defaultJob,
	PrepareCreate:       prepareJobCreate,
	PrepareUpdate:       prepareJobUpdate,
	Validate:            validateJob,
	ValidateUpdate:      validateJobUpdate,
	Warnings:            jobWarnings,
	DeleteWarnings:      jobDeleteWarnings,
	UnconditionalUpdate: true,
	DefaultOrphan:       true,

	Columns: jobColumns,
	Row:     jobRow,

	Fields:       jobFields,
	FieldNames:   []string{"status.successful"},
	UnknownField: "field label %q not supported for Job",

	Subresources: []api.Subresource{
		api.Status(func(_ context.Context, to, from *batchv1.Job) { to.Status = from.Status }, validateJobStatus),
	},
}

var jobColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Status", "string", "Status of the job."),
	api.Column("Completions", "string", batchv1.JobStatus{}.SwaggerDoc()["succeeded"]),
	api.Column("Duration", "string", "Time required to complete the job."),
	api.AgeColumn,
	podtemplate.ContainersColumn,
	podtemplate.ImagesColumn,
	selectorColumn,
}

var selectorColumn = api.WideColumn("Selector", "string", batchv1.JobSpec{}.SwaggerDoc()["selector"])

func jobRow(obj api.Object, now time.Time) []any {
	job := obj.(*batchv1.Job)
	names, images := podtemplate.Cells(&job.Spec.Template)
	return []any{job.Name, jobState(job), jobCompletions(job), jobDuration(&job.Status, now), api.Age(job.CreationTimestamp, now),
		names, images, metav1.FormatLabelSelector(job.Spec.Selector)}
}

// jobState says in a word how a job stands.
func jobState(job *batchv1.Job) string {
	switch s := &job.Status; {
	case isTrue(s, batchv1.JobComplete):
		return "Complete"
	case isTrue(s, batchv1.JobFailed):
		return "Failed"
	case job.DeletionTimestamp != nil:
		return "Terminating"
	case isTrue(s, batchv1.JobSuspended):
		return "Suspended"
	case isTrue(s, batchv1.JobFailureTarget):
		return "FailureTarget"
	case isTrue(s, batchv1.JobSuccessCriteriaMet):
		return "SuccessCriteriaMet"
	}
	return "Running"
}

func isTrue(s *batchv1.JobStatus, kind batchv1.JobConditionType) bool {
	for i := range s.Conditions {
		if s.Conditions[i].Type == kind && s.Conditions[i].Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

func jobCompletions(job *batchv1.Job) string {
	switch parallelism := ptr.Deref(job.Spec.Parallelism, 0); {
	case job.Spec.Completions != nil:
		return fmt.Sprintf("%d/%d", job.Status.Succeeded, *job.Spec.Completions)
	case parallelism > 1:
		return fmt.Sprintf("%d/1 of %d", job.Status.Succeeded, parallelism)
	}
	return fmt.Sprintf("%d/1", job.Status.Succeeded)
}

func jobDuration(s *batchv1.JobStatus, now time.Time) string {
	switch {
	case s.StartTime == nil:
		return ""
	case s.CompletionTime == nil:
		return duration.HumanDuration(now.Sub(s.StartTime.Time))
	}
	return duration.HumanDuration(s.CompletionTime.Sub(s.StartTime.Time))
}

func jobFields(obj api.Object) fields.Set {
	return fields.Set{"status.successful": strconv.Itoa(int(obj.(*batchv1.Job).Status.Succeeded))}
}

func defaultJob(obj api.Object) {
	job := obj.(*batchv1.Job)
	spec := &job.Spec
	poddefaults.Set(&spec.Template.Spec)
	if spec.Completions == nil && spec.Parallelism == nil {
		spec.Completions = ptr.To[int32](1)
	}
	setDefault(&spec.Parallelism, 1)
	if spec.BackoffLimitPerIndex != nil {
		setDefault(&spec.BackoffLimit, math.MaxInt32) // the limit of each index is enough
	}
	setDefault(&spec.BackoffLimit, 6)
	setDefault(&spec.CompletionMode, batchv1.NonIndexedCompletion)
	setDefault(&spec.Suspend, false)
	setDefault(&spec.ManualSelector, false)
	if spec.PodFailurePolicy != nil {
		setDefault(&spec.PodReplacementPolicy, batchv1.Failed)
	}
	setDefault(&spec.PodReplacementPolicy, batchv1.TerminatingOrFailed)
	defaultFailurePolicy(spec.PodFailurePolicy)
	defaultLabels(job)
}

// defaultLabels gives a job without labels those of its pods. Both share the map,
// so that what a create adds to one is in the other.
func defaultLabels(job *batchv1.Job) {
	if len(job.Labels) == 0 && job.Spec.Template.Labels != nil {
		job.Labels = job.Spec.Template.Labels
	}
}

// isLabel reports whether the job's name can be its pods' label. If not, that is
// one mistake, which the template makes.
func isLabel(name string) bool { return len(validation.IsValidLabelValue(name)) == 0 }

func defaultFailurePolicy(policy *batchv1.PodFailurePolicy) {
	if policy == nil {
		return
	}
	for i := range policy.Rules {
		for j := range policy.Rules[i].OnPodConditions {
			if pattern := &policy.Rules[i].OnPodConditions[j]; pattern.Status == "" {
				pattern.Status = corev1.ConditionTrue
			}
		}
	}
}

func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = ptr.To(value)
	}
}

func prepareJobCreate(_ context.Context, obj api.Object) {
	job := obj.(*batchv1.Job)
	if !ptr.Deref(job.Spec.ManualSelector, false) {
		generateSelector(job)
	}
	if isLabel(job.Name) {
		defaultLabels(job)
	}
	job.Labels = maps.Clone(job.Labels)
	job.Status = batchv1.JobStatus{}
	podtemplate.DropDisabled(&job.Spec.Template, nil)
	job.Spec.Scheduling = nil // alpha
	job.Generation = 1
}

// The labels that tie pods to their job, each under its old name and its new.
var (
	nameLabels = []string{"job-name", batchv1.JobNameLabel}
	uidLabels  = []string{"controller-uid", batchv1.ControllerUidLabel}
)

// generateSelector makes the job's pods carry its name and uid, and the job
// select them by the uid. What the client has set already stays: if it is not
// the same, validation says so.
func generateSelector(job *batchv1.Job) {
	labels := &job.Spec.Template.Labels
	for _, label := range nameLabels {
		setIfMissing(labels, label, job.Name)
	}
	for _, label := range uidLabels {
		setIfMissing(labels, label, string(job.UID))
	}
	if job.Spec.Selector == nil {
		job.Spec.Selector = &metav1.LabelSelector{}
	}
	setIfMissing(&job.Spec.Selector.MatchLabels, batchv1.ControllerUidLabel, string(job.UID))
}

func setIfMissing(labels *map[string]string, key, value string) {
	if *labels == nil {
		*labels = map[string]string{}
	}
	if _, ok := (*labels)[key]; !ok {
		(*labels)[key] = value
	}
}

func prepareJobUpdate(_ context.Context, obj, old api.Object) {
	job, before := obj.(*batchv1.Job), old.(*batchv1.Job)
	job.Status = before.Status
	if before.Spec.Scheduling == nil {
		job.Spec.Scheduling = nil
	}
	podtemplate.DropDisabled(&job.Spec.Template, &before.Spec.Template)
	job.Generation = before.Generation
	if !equality.Semantic.DeepEqual(job.Spec, before.Spec) {
		job.Generation++
	}
}

func jobWarnings(_ context.Context, obj, old api.Object) (out []string) {
	switch {
	case old == nil:
		out = podtemplate.NameWarnings(obj.GetName())
	case old.GetGeneration() == obj.GetGeneration():
		return nil
	}
	return append(out, specWarnings(&obj.(*batchv1.Job).Spec, field.NewPath("spec"))...)
}

func specWarnings(spec *batchv1.JobSpec, path *field.Path) (out []string) {
	if isIndexed(spec) && ptr.Deref(spec.Completions, 0) > manyCompletions && ptr.Deref(spec.Parallelism, 0) > parallelismOfMany {
		out = append(out, path.String()+": In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "+
			"Kubernetes might not be able to track completedIndexes when a big number of indexes fail")
	}
	return append(out, podtemplate.Warnings(&spec.Template, path.Child("template"))...)
}

func isIndexed(spec *batchv1.JobSpec) bool {
	return ptr.Deref(spec.CompletionMode, batchv1.NonIndexedCompletion) == batchv1.IndexedCompletion
}

func jobDeleteWarnings(options *metav1.DeleteOptions) []string {
	if options.PropagationPolicy != nil || options.OrphanDependents != nil {
		return nil
	}
	return []string{"child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"}
}
