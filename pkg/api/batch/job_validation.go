package batch

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/podspec"
)

// Limits that keep what a job's status says of its indexes short.
const (
	maxIndexedParallelism = 100_000
	maxFailedIndexes      = 100_000

	manyCompletions     = 100_000 // above which the next two hold
	parallelismOfMany   = 10_000
	failedIndexesOfMany = 10_000

	maxManagedBy = 63
)

func validateJob(obj api.Object) field.ErrorList {
	job := obj.(*batchv1.Job)
	errs := validateGeneratedSelector(job)
	errs = append(errs, validateSelectedSpec(&job.Spec, field.NewPath("spec"))...)
	if completions := ptr.Deref(job.Spec.Completions, 0); isIndexed(&job.Spec) && completions > 0 {
		// The last pod has the longest hostname.
		hostname := fmt.Sprintf("%s-%d", job.Name, completions-1)
		if len(validation.IsDNS1123Label(hostname)) > 0 {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), job.Name, "will not able to create pod with invalid DNS label: "+hostname))
		}
	}
	return errs
}

// validateGeneratedSelector checks that a client who left the selector to us has
// not set something else already.
func validateGeneratedSelector(job *batchv1.Job) (errs field.ErrorList) {
	if ptr.Deref(job.Spec.ManualSelector, false) || job.Spec.Selector == nil {
		return nil
	}
	if job.UID == "" {
		errs = append(errs, field.Required(field.NewPath("metadata", "uid"), ""))
	}
	generated := labels.Set{}
	for i := range nameLabels {
		errs = append(errs, validateHasLabel(job, uidLabels[i], string(job.UID))...)
		errs = append(errs, validateHasLabel(job, nameLabels[i], job.Name)...)
		generated[uidLabels[i]], generated[nameLabels[i]] = string(job.UID), job.Name
	}
	if pods, err := metav1.LabelSelectorAsSelector(job.Spec.Selector); err == nil && !pods.Matches(generated) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "selector"), job.Spec.Selector, "`selector` not auto-generated"))
	}
	return errs
}

func validateHasLabel(job *batchv1.Job, label, want string) field.ErrorList {
	path := field.NewPath("spec", "template", "metadata", "labels").Key(label)
	message := fmt.Sprintf("must be '%s'", want)
	switch got, ok := job.Spec.Template.Labels[label]; {
	case !ok:
		return field.ErrorList{field.Required(path, message)}
	case got != want:
		return field.ErrorList{field.Invalid(path, job.Spec.Template.Labels, message)}
	}
	return nil
}

func validateSelectedSpec(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	errs := validateSpec(spec, path)
	if spec.Selector == nil {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	} else {
		errs = append(errs, metav1validation.ValidateLabelSelector(spec.Selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
	}
	if pods, err := metav1.LabelSelectorAsSelector(spec.Selector); err == nil && !pods.Matches(labels.Set(spec.Template.Labels)) {
		errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	return errs
}

// validateSpec checks what a job has in common with the template of one.
func validateSpec(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	errs := validateSizes(spec, path)
	if by := spec.ManagedBy; by != nil {
		errs = append(errs, validation.IsDomainPrefixedPath(path.Child("managedBy"), *by)...)
		if len(*by) > maxManagedBy {
			errs = append(errs, field.TooLong(path.Child("managedBy"), *by, maxManagedBy))
		}
	}
	if mode := spec.CompletionMode; mode != nil {
		errs = append(errs, check.OneOf(*mode, path.Child("completionMode"), batchv1.NonIndexedCompletion, batchv1.IndexedCompletion)...)
	}
	errs = append(errs, validateIndexed(spec, path)...)
	if spec.PodFailurePolicy != nil {
		errs = append(errs, validateFailurePolicy(spec, path.Child("podFailurePolicy"))...)
	}
	if spec.SuccessPolicy != nil {
		errs = append(errs, validateSuccessPolicy(spec, path.Child("successPolicy"))...)
	}
	errs = append(errs, validateReplacementPolicy(spec, path.Child("podReplacementPolicy"))...)
	errs = append(errs, podspec.ValidateTemplate(&spec.Template, path.Child("template"))...)
	return append(errs, validateRestartPolicy(spec, path.Child("template", "spec", "restartPolicy"))...)
}

func validateSizes(spec *batchv1.JobSpec, path *field.Path) (errs field.ErrorList) {
	nonnegative := func(name string, value *int32) {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(ptr.Deref(value, 0)), path.Child(name))...)
	}
	nonnegative("parallelism", spec.Parallelism)
	nonnegative("completions", spec.Completions)
	errs = append(errs, apivalidation.ValidateNonnegativeField(ptr.Deref(spec.ActiveDeadlineSeconds, 0), path.Child("activeDeadlineSeconds"))...)
	nonnegative("backoffLimit", spec.BackoffLimit)
	nonnegative("ttlSecondsAfterFinished", spec.TTLSecondsAfterFinished)
	nonnegative("backoffLimitPerIndex", spec.BackoffLimitPerIndex)
	nonnegative("maxFailedIndexes", spec.MaxFailedIndexes)
	if spec.MaxFailedIndexes != nil && spec.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Required(path.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	return errs
}

// validateIndexed checks the numbers of an Indexed job, and that no other job
// has what only an Indexed one can have.
func validateIndexed(spec *batchv1.JobSpec, path *field.Path) (errs field.ErrorList) {
	invalid := func(name string, value *int32, message string, args ...any) {
		errs = append(errs, field.Invalid(path.Child(name), *value, fmt.Sprintf(message, args...)))
	}
	parallelism, completions, failed := ptr.Deref(spec.Parallelism, 0), ptr.Deref(spec.Completions, 0), ptr.Deref(spec.MaxFailedIndexes, 0)
	switch ptr.Deref(spec.CompletionMode, batchv1.NonIndexedCompletion) {
	case batchv1.NonIndexedCompletion:
		if spec.BackoffLimitPerIndex != nil {
			invalid("backoffLimitPerIndex", spec.BackoffLimitPerIndex, "requires indexed completion mode")
		}
		if spec.MaxFailedIndexes != nil {
			invalid("maxFailedIndexes", spec.MaxFailedIndexes, "requires indexed completion mode")
		}
		return errs
	case batchv1.IndexedCompletion:
	default:
		return nil
	}
	if spec.Completions == nil {
		errs = append(errs, field.Required(path.Child("completions"), "when completion mode is Indexed"))
	}
	if parallelism > maxIndexedParallelism {
		invalid("parallelism", spec.Parallelism, "must be less than or equal to %d when completion mode is Indexed", maxIndexedParallelism)
	}
	if spec.Completions != nil && failed > completions {
		invalid("maxFailedIndexes", spec.MaxFailedIndexes, "must be less than or equal to completions")
	}
	if failed > maxFailedIndexes {
		invalid("maxFailedIndexes", spec.MaxFailedIndexes, "must be less than or equal to %d", maxFailedIndexes)
	}
	if completions <= manyCompletions || spec.BackoffLimitPerIndex == nil {
		return errs
	}
	const limit = "must be less than or equal to %d when completions are above %d and used with backoff limit per index"
	if spec.MaxFailedIndexes == nil {
		errs = append(errs, field.Required(path.Child("maxFailedIndexes"), fmt.Sprintf("must be specified when completions is above %d", manyCompletions)))
	}
	if parallelism > parallelismOfMany {
		invalid("parallelism", spec.Parallelism, limit, parallelismOfMany, manyCompletions)
	}
	if failed > failedIndexesOfMany {
		invalid("maxFailedIndexes", spec.MaxFailedIndexes, limit, failedIndexesOfMany, manyCompletions)
	}
	return errs
}

func validateReplacementPolicy(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	switch policy := spec.PodReplacementPolicy; {
	case policy == nil:
		return nil
	case spec.PodFailurePolicy != nil:
		return check.OneOf(*policy, path, batchv1.Failed)
	default:
		return check.OneOf(*policy, path, batchv1.Failed, batchv1.TerminatingOrFailed)
	}
}

// validateRestartPolicy wants a policy named: the default of pods would start
// those of a job again for ever.
func validateRestartPolicy(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	switch policy := spec.Template.Spec.RestartPolicy; {
	case policy == corev1.RestartPolicyAlways || policy == "":
		return field.ErrorList{field.Required(path, fmt.Sprintf("valid values: %q, %q", corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever))}
	case policy == corev1.RestartPolicyOnFailure && spec.PodFailurePolicy != nil:
		return field.ErrorList{field.Invalid(path, policy, fmt.Sprintf("only %q is supported when podFailurePolicy is specified", corev1.RestartPolicyNever))}
	default:
		return check.OneOf(policy, path, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
	}
}
