package batch

import (
	"context"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podtemplate"
)

// CronJob is the resource cronjobs.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/cron-job-v1/
var CronJob = &api.Resource{
	Group:      batchv1.GroupName,
	Version:    "v1",
	Kind:       "CronJob",
	Plural:     "cronjobs",
	Singular:   "cronjob",
	ShortNames: []string{"cj"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &batchv1.CronJob{} },
	NewList:    func() runtime.Object { return &batchv1.CronJobList{} },

	Default:             defaultCronJob,
	PrepareCreate:       prepareCronJobCreate,
	PrepareUpdate:       prepareCronJobUpdate,
	Validate:            validateCronJob,
	ValidateUpdate:      validateCronJobUpdate,
	Warnings:            cronJobWarnings,
	UnconditionalUpdate: true,

	Columns: cronJobColumns,
	Row:     cronJobRow,

	Subresources: []api.Subresource{
		api.Status(func(_ context.Context, to, from *batchv1.CronJob) { to.Status = from.Status }, api.AlwaysValid),
	},
}

var cronJobColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Schedule", "string", batchv1.CronJobSpec{}.SwaggerDoc()["schedule"]),
	api.Column("Timezone", "string", batchv1.CronJobSpec{}.SwaggerDoc()["timeZone"]),
	api.Column("Suspend", "boolean", batchv1.CronJobSpec{}.SwaggerDoc()["suspend"]),
	api.Column("Active", "integer", batchv1.CronJobStatus{}.SwaggerDoc()["active"]),
	api.Column("Last Schedule", "string", batchv1.CronJobStatus{}.SwaggerDoc()["lastScheduleTime"]),
	api.AgeColumn,
	podtemplate.ContainersColumn,
	podtemplate.ImagesColumn,
	selectorColumn,
}

func cronJobRow(obj api.Object, now time.Time) []any {
	c := obj.(*batchv1.CronJob)
	names, images := podtemplate.Cells(&c.Spec.JobTemplate.Spec.Template)
	zone, last, suspend := api.None, api.None, "<unset>"
	if c.Spec.TimeZone != nil {
		zone = *c.Spec.TimeZone
	}
	if c.Status.LastScheduleTime != nil {
		last = api.Age(*c.Status.LastScheduleTime, now)
	}
	if c.Spec.Suspend != nil {
		suspend = map[bool]string{true: "True", false: "False"}[*c.Spec.Suspend]
	}
	return []any{c.Name, c.Spec.Schedule, zone, suspend, int64(len(c.Status.Active)), last, api.Age(c.CreationTimestamp, now),
		names, images, metav1.FormatLabelSelector(c.Spec.JobTemplate.Spec.Selector)}
}

// defaultCronJob leaves the job in the template as it is, but for its pods: the
// rest is filled when a job is made of it.
func defaultCronJob(obj api.Object) {
	spec := &obj.(*batchv1.CronJob).Spec
	poddefaults.Set(&spec.JobTemplate.Spec.Template.Spec)
	defaultFailurePolicy(spec.JobTemplate.Spec.PodFailurePolicy)
	if spec.ConcurrencyPolicy == "" {
		spec.ConcurrencyPolicy = batchv1.AllowConcurrent
	}
	setDefault(&spec.Suspend, false)
	setDefault(&spec.SuccessfulJobsHistoryLimit, 3)
	setDefault(&spec.FailedJobsHistoryLimit, 1)
}

func prepareCronJobCreate(_ context.Context, obj api.Object) {
	c := obj.(*batchv1.CronJob)
	c.Status = batchv1.CronJobStatus{}
	podtemplate.DropDisabled(&c.Spec.JobTemplate.Spec.Template, nil)
	c.Spec.JobTemplate.Spec.Scheduling = nil // alpha
	c.Generation = 1
}

func prepareCronJobUpdate(_ context.Context, obj, old api.Object) {
	c, before := obj.(*batchv1.CronJob), old.(*batchv1.CronJob)
	c.Status = before.Status
	if before.Spec.JobTemplate.Spec.Scheduling == nil {
		c.Spec.JobTemplate.Spec.Scheduling = nil
	}
	podtemplate.DropDisabled(&c.Spec.JobTemplate.Spec.Template, &before.Spec.JobTemplate.Spec.Template)
	c.Generation = before.Generation
	if !equality.Semantic.DeepEqual(c.Spec, before.Spec) {
		c.Generation++
	}
}

func cronJobWarnings(_ context.Context, obj, old api.Object) (out []string) {
	spec, path := &obj.(*batchv1.CronJob).Spec, field.NewPath("spec", "jobTemplate", "spec")
	if old == nil {
		return append(podtemplate.NameWarnings(obj.GetName()), specWarnings(&spec.JobTemplate.Spec, path)...)
	}
	if old.GetGeneration() != obj.GetGeneration() {
		out = specWarnings(&spec.JobTemplate.Spec, path)
	}
	if namesZone(spec.Schedule) {
		out = append(out, "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details")
	}
	return out
}

// namesZone reports whether a schedule sets its time zone itself, as some did
// before there was a field for it.
func namesZone(schedule string) bool { return strings.Contains(schedule, "TZ") }
