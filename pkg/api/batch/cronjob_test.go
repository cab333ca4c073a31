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

const jobs = "jobTemplate: {spec: {" + pods + "}}"

func cronJobOf(t *testing.T, spec string) *batchv1.CronJob {
	t.Helper()
	c := apitest.Object[*batchv1.CronJob](t, CronJob, "{metadata: {name: c}, spec: {"+spec+"}}")
	prepareCronJobCreate(t.Context(), c)
	return c
}

func TestCronJobDefaults(t *testing.T) {
	spec := cronJobOf(t, `schedule: "* * * * *", `+jobs).Spec
	if spec.ConcurrencyPolicy != "Allow" || *spec.Suspend || *spec.SuccessfulJobsHistoryLimit != 3 || *spec.FailedJobsHistoryLimit != 1 ||
		spec.JobTemplate.Spec.Template.Spec.DNSPolicy != "ClusterFirst" || spec.JobTemplate.Spec.Parallelism != nil {
		t.Errorf("%+v", spec)
	}
}

func TestCronJobValidate(t *testing.T) {
	const hourly = `schedule: "@hourly", `
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain":        {hourly + `timeZone: Europe/Berlin, ` + jobs, nil},
		"no words":     {"", []string{"spec.jobTemplate.spec.template.spec.containers: Required value", `spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`, "spec.schedule: Required value"}},
		"schedule":     {"schedule: whenever, " + jobs, []string{`spec.schedule: Invalid value: "whenever": expected exactly 5 fields, found 1: [whenever]`}},
		"minute":       {`schedule: "60 * * * *", ` + jobs, []string{`spec.schedule: Invalid value: "60 * * * *": end of range (60) above maximum (59): 60`}},
		"old zone":     {`schedule: "CRON_TZ=UTC 0 * * * *", ` + jobs, []string{`spec.schedule: Invalid value: "CRON_TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead`}},
		"no zone":      {hourly + `timeZone: "", ` + jobs, []string{`spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string`}},
		"zone":         {hourly + `timeZone: Mars/Olympus, ` + jobs, []string{`spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus`}},
		"path":         {hourly + `timeZone: ../etc, ` + jobs, []string{`spec.timeZone: Invalid value: "../etc": unknown time zone ../etc`}},
		"local zone":   {hourly + `timeZone: Local, ` + jobs, []string{`spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones`}},
		"policy":       {hourly + `concurrencyPolicy: Any, ` + jobs, []string{`spec.concurrencyPolicy: Unsupported value: "Any": supported values: "Allow", "Forbid", "Replace"`}},
		"limits":       {hourly + `startingDeadlineSeconds: -1, successfulJobsHistoryLimit: -1, failedJobsHistoryLimit: -1, ` + jobs, []string{"spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0", "spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0", "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0"}},
		"own selector": {hourly + "jobTemplate: {spec: {manualSelector: true, selector: {}, " + pods + "}}", []string{"spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated", `spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"`}},
	} {
		apitest.Errors(t, name, validateCronJob(cronJobOf(t, c.spec)), c.want...)
	}
	c := cronJobOf(t, hourly+jobs)
	c.Name = strings.Repeat("a", 53)
	apitest.Errors(t, "a long name", validateCronJob(c), `metadata.name: Invalid value: "`+c.Name+`": must be no more than 52 characters`)
	apitest.Errors(t, "which may stay", validateCronJobUpdate(c, c.DeepCopy()))
}

// TestOldZone keeps schedules with a zone that are there already.
func TestOldZone(t *testing.T) {
	old := cronJobOf(t, `schedule: "TZ=UTC 0 * * * *", timeZone: Nowhere, `+jobs)
	c := old.DeepCopy()
	c.Spec.Schedule = "TZ=UTC 1 * * * *"
	prepareCronJobUpdate(t.Context(), c, old)
	if c.Generation != 2 {
		t.Errorf("generation %d", c.Generation)
	}
	apitest.Errors(t, "update", validateCronJobUpdate(c, old),
		`spec.schedule: Invalid value: "TZ=UTC 1 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule`)
	want := "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
	if got := cronJobWarnings(t.Context(), c, old); !slices.Equal(got, []string{want}) {
		t.Errorf("warnings %q", got)
	}
}

func TestCronJobRow(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := cronJobOf(t, `schedule: "@hourly", `+jobs)
	c.CreationTimestamp = metav1.NewTime(now.Add(-5 * time.Minute))
	if row := cronJobRow(c, now); !slices.Equal(row, []any{"c", "@hourly", "<none>", "False", int64(0), "<none>", "5m", "c", "i:1", "<none>"}) {
		t.Errorf("%v", row)
	}
	c.Spec.TimeZone, c.Spec.Suspend = ptr.To("Etc/UTC"), nil
	c.Status.LastScheduleTime = ptr.To(metav1.NewTime(now.Add(-time.Minute)))
	if row := cronJobRow(c, now); row[2] != "Etc/UTC" || row[3] != "<unset>" || row[5] != "60s" {
		t.Errorf("%v", row)
	}
}
