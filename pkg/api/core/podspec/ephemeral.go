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
		errs = append(errs, ValidateImage(&container, path.Child("image"))...)
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

// forbidForEphemeral tells of what is set in the order in which the fields are declared.
func forbidForEphemeral(container *corev1.Container, path *field.Path) (errs field.ErrorList) {
	const message = "cannot be set for an Ephemeral Container"
	r := &container.Resources
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"ports", container.Ports != nil},
		{"resources", r.Limits != nil || r.Requests != nil || r.Claims != nil},
		{"resizePolicy", container.ResizePolicy != nil},
		{"restartPolicy", container.RestartPolicy != nil},
		{"restartPolicyRules", container.RestartPolicyRules != nil},
		{"livenessProbe", container.LivenessProbe != nil},
		{"readinessProbe", container.ReadinessProbe != nil},
		{"startupProbe", container.StartupProbe != nil},
		{"lifecycle", container.Lifecycle != nil},
	} {
		if f.set {
			errs = append(errs, field.Forbidden(path.Child(f.name), message))
		}
	}
	for i, mount := range container.VolumeMounts {
		at := path.Child("volumeMounts").Index(i)
		if mount.SubPath != "" {
			errs = append(errs, field.Forbidden(at.Child("subPath"), message))
		}
		if mount.SubPathExpr != "" {
			errs = append(errs, field.Forbidden(at.Child("subPathExpr"), message))
		}
	}
	return errs
}
