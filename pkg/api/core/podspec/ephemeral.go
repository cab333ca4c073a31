package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateEphemeralContainers checks containers that were added to a running
// pod to look at it. They may not change what the pod promises to others.
//
// https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
func (c *checker) validateEphemeralContainers(path *field.Path) (errs field.ErrorList) {
	if len(c.spec.EphemeralContainers) == 0 {
		return nil
	}
	others, names := sets.New[string](), sets.New[string]()
	for _, container := range c.spec.Containers {
		others.Insert(container.Name)
	}
	for _, container := range c.spec.InitContainers {
		others.Insert(container.Name)
	}
	for i := range c.spec.EphemeralContainers {
		e, path := &c.spec.EphemeralContainers[i], path.Index(i)
		container := corev1.Container(e.EphemeralContainerCommon)
		errs = append(errs, c.validateContainer(&container, path)...)
		if others.Has(e.Name) || names.Has(e.Name) {
			errs = append(errs, field.Duplicate(path.Child("name"), e.Name))
		}
		names.Insert(e.Name)
		if e.TargetContainerName != "" && !others.Has(e.TargetContainerName) {
			errs = append(errs, field.NotFound(path.Child("targetContainerName"), e.TargetContainerName))
		}
		errs = append(errs, forbidForEphemeral(&container, path)...)
	}
	return errs
}

func forbidForEphemeral(container *corev1.Container, path *field.Path) field.ErrorList {
	const message = "cannot be set for an Ephemeral Container"
	errs := forbidHooks(container, path, message)
	if len(container.Ports) > 0 {
		errs = append(errs, field.Forbidden(path.Child("ports"), message))
	}
	if len(container.Resources.Limits)+len(container.Resources.Requests) > 0 {
		errs = append(errs, field.Forbidden(path.Child("resources"), message))
	}
	if len(container.ResizePolicy) > 0 {
		errs = append(errs, field.Forbidden(path.Child("resizePolicy"), message))
	}
	if container.RestartPolicy != nil {
		errs = append(errs, field.Forbidden(path.Child("restartPolicy"), message))
	}
	for i, mount := range container.VolumeMounts {
		if mount.SubPath != "" {
			errs = append(errs, field.Forbidden(path.Child("volumeMounts").Index(i).Child("subPath"), message))
		}
		if mount.SubPathExpr != "" {
			errs = append(errs, field.Forbidden(path.Child("volumeMounts").Index(i).Child("subPathExpr"), message))
		}
	}
	return errs
}
