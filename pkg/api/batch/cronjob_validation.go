package batch

import (
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // a host need not have the zones that schedules name

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// maxCronJobName leaves room, in the 63 characters of a job's name, for the time
// that is appended to it.
const maxCronJobName = 52

func validateCronJob(obj api.Object) field.ErrorList {
	c := obj.(*batchv1.CronJob)
	errs := validateCronJobSpec(&c.Spec, nil)
	if len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), c.Name, "must be no more than 52 characters"))
	}
	return append(errs, requireSchedule(&c.Spec)...)
}

func validateCronJobUpdate(obj, old api.Object) field.ErrorList {
	spec := &obj.(*batchv1.CronJob).Spec
	return append(validateCronJobSpec(spec, &old.(*batchv1.CronJob).Spec), requireSchedule(spec)...)
}

// requireSchedule comes last, as all that upstream checks declaratively.
func requireSchedule(spec *batchv1.CronJobSpec) field.ErrorList {
	if spec.Schedule == "" {
		return field.ErrorList{field.Required(field.NewPath("spec", "schedule"), "")}
	}
	return nil
}

func validateCronJobSpec(spec, old *batchv1.CronJobSpec) (errs field.ErrorList) {
	path := field.NewPath("spec")
	nonnegative := func(name string, value int64) {
		errs = append(errs, apivalidation.ValidateNonnegativeField(value, path.Child(name))...)
	}
	if spec.Schedule != "" {
		errs = append(errs, validateSchedule(spec, old != nil && namesZone(old.Schedule), path.Child("schedule"))...)
	}
	nonnegative("startingDeadlineSeconds", ptr.Deref(spec.StartingDeadlineSeconds, 0))
	if old == nil || !ptr.Equal(old.TimeZone, spec.TimeZone) {
		errs = append(errs, validateTimeZone(spec.TimeZone, path.Child("timeZone"))...)
	}
	errs = append(errs, check.OneOf(spec.ConcurrencyPolicy, path.Child("concurrencyPolicy"),
		batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)...)

	template := path.Child("jobTemplate", "spec")
	errs = append(errs, validateSpec(&spec.JobTemplate.Spec, template)...)
	if selector := spec.JobTemplate.Spec.Selector; selector != nil {
		errs = append(errs, field.Invalid(template.Child("selector"), selector, "`selector` will be auto-generated"))
	}
	if manual := spec.JobTemplate.Spec.ManualSelector; ptr.Deref(manual, false) {
		errs = append(errs, field.NotSupported(template.Child("manualSelector"), manual, []string{"nil", "false"}))
	}
	nonnegative("successfulJobsHistoryLimit", int64(ptr.Deref(spec.SuccessfulJobsHistoryLimit, 0)))
	nonnegative("failedJobsHistoryLimit", int64(ptr.Deref(spec.FailedJobsHistoryLimit, 0)))
	return errs
}

// validateSchedule takes a zone in the schedule only where there was one before.
func validateSchedule(spec *batchv1.CronJobSpec, hadZone bool, path *field.Path) (errs field.ErrorList) {
	if _, err := cron.ParseStandard(spec.Schedule); err != nil {
		errs = append(errs, field.Invalid(path, spec.Schedule, err.Error()))
	}
	switch {
	case !namesZone(spec.Schedule):
	case !hadZone:
		errs = append(errs, field.Invalid(path, spec.Schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
	case spec.TimeZone != nil:
		errs = append(errs, field.Invalid(path, spec.Schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"))
	}
	return errs
}

// zonePart is a component of a zone's name, without what could make it a path to
// another file.
//
// https://data.iana.org/time-zones/theory.html#naming
var zonePart = regexp.MustCompile(`^[A-Za-z._0-9+-]{1,14}$`)

func validateTimeZone(zone *string, path *field.Path) (errs field.ErrorList) {
	if zone == nil {
		return nil
	}
	if *zone == "" {
		return field.ErrorList{field.Invalid(path, zone, "timeZone must be nil or non-empty string")}
	}
	for part := range strings.SplitSeq(*zone, "/") {
		if part == "." || part == ".." || strings.HasPrefix(part, "-") || !zonePart.MatchString(part) {
			return field.ErrorList{field.Invalid(path, zone, "unknown time zone "+*zone)}
		}
	}
	if strings.EqualFold(*zone, "Local") {
		errs = append(errs, field.Invalid(path, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"))
	}
	if _, err := time.LoadLocation(*zone); err != nil {
		errs = append(errs, field.Invalid(path, zone, err.Error()))
	}
	return errs
}
