package batch

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// validateJobUpdate lets most of a job be changed, but not what its pods are.
func validateJobUpdate(obj, old api.Object) field.ErrorList {
	job, before := obj.(*batchv1.Job), old.(*batchv1.Job)
	spec, path := &job.Spec, field.NewPath("spec")
	errs := validateSelectedSpec(spec, path)
	errs = append(errs, validateCompletionsUpdate(spec, &before.Spec, path.Child("completions"))...)
	errs = append(errs, immutable(path.Child("selector"), spec.Selector, before.Spec.Selector)...)
	errs = append(errs, validateTemplateUpdate(&spec.Template, before, path.Child("template"))...)
	errs = append(errs, immutable(path.Child("completionMode"), spec.CompletionMode, before.Spec.CompletionMode)...)
	errs = append(errs, immutable(path.Child("podFailurePolicy"), spec.PodFailurePolicy, before.Spec.PodFailurePolicy)...)
	errs = append(errs, immutable(path.Child("backoffLimitPerIndex"), spec.BackoffLimitPerIndex, before.Spec.BackoffLimitPerIndex)...)
	errs = append(errs, immutable(path.Child("managedBy"), spec.ManagedBy, before.Spec.ManagedBy)...)
	return append(errs, immutable(path.Child("successPolicy"), spec.SuccessPolicy, before.Spec.SuccessPolicy)...)
}

func immutable(path *field.Path, now, before any) field.ErrorList {
	if equality.Semantic.DeepEqual(now, before) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, api.Internal(now), apivalidation.FieldImmutableErrorMsg)}
}

// validateCompletionsUpdate lets an Indexed job grow and shrink as a whole: all
// its indexes run at the same time.
func validateCompletionsUpdate(spec, before *batchv1.JobSpec, path *field.Path) field.ErrorList {
	switch {
	case !isIndexed(spec):
		return immutable(path, spec.Completions, before.Completions)
	case spec.Completions == nil || equality.Semantic.DeepEqual(spec.Completions, before.Completions):
		return nil
	case *spec.Completions != ptr.Deref(spec.Parallelism, 0):
		return field.ErrorList{field.Invalid(path, spec.Completions, fmt.Sprintf("can only be modified in tandem with %s", path.Root().Child("parallelism")))}
	}
	return nil
}

// validateTemplateUpdate lets a queue say where the pods of a job that waits will
// run, with what resources and what metadata. Nothing else of a template changes.
//
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#mutable-scheduling-directives
func validateTemplateUpdate(template *corev1.PodTemplateSpec, before *batchv1.Job, path *field.Path) field.ErrorList {
	if !waits(before) {
		return immutable(path, template, &before.Spec.Template)
	}
	spec, allowed := &template.Spec, before.Spec.Template.Spec.DeepCopy()
	allowed.NodeSelector = spec.NodeSelector
	allowed.Tolerations = spec.Tolerations
	allowed.SchedulingGates = spec.SchedulingGates
	allowed.Affinity = withNodeAffinity(allowed.Affinity, spec.Affinity)
	takeResources(allowed.Containers, spec.Containers)
	takeResources(allowed.InitContainers, spec.InitContainers)
	return immutable(path.Child("spec"), spec, allowed)
}

// waits reports whether a job is suspended and has no pods, or none any more.
func waits(job *batchv1.Job) bool {
	stopped := job.Status.StartTime == nil || isTrue(&job.Status, batchv1.JobSuspended)
	return ptr.Deref(job.Spec.Suspend, false) && stopped && job.Status.Active == 0
}

// withNodeAffinity returns affinity with the affinity to nodes that wanted has.
func withNodeAffinity(affinity, wanted *corev1.Affinity) *corev1.Affinity {
	if affinity == nil {
		affinity = &corev1.Affinity{}
	}
	affinity.NodeAffinity = nil
	if wanted != nil {
		affinity.NodeAffinity = wanted.NodeAffinity
	} else if *affinity == (corev1.Affinity{}) {
		return nil
	}
	return affinity
}

func takeResources(containers, from []corev1.Container) {
	if len(containers) != len(from) {
		return
	}
	for i := range containers {
		if containers[i].Name == from[i].Name {
			containers[i].Resources = from[i].Resources
		}
	}
}
