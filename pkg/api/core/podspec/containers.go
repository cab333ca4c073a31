package podspec

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/podsecurity"
)

func (c *checker) validateContainers(path *field.Path) (errs field.ErrorList) {
	if len(c.spec.Containers) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	names := sets.New[string]()
	for i := range c.spec.Containers {
		container, path := &c.spec.Containers[i], path.Index(i)
		errs = append(errs, c.validateContainer(container, path)...)
		if names.Has(container.Name) {
			errs = append(errs, field.Duplicate(path.Child("name"), container.Name))
		}
		names.Insert(container.Name)
		errs = append(errs, c.validateHooks(container, path)...)
		errs = append(errs, validateRestartPolicy(container, path)...)
		errs = append(errs, validateRestartRules(container.RestartPolicyRules, path.Child("restartPolicyRules"))...)
	}
	return append(errs, hostPortConflicts(c.spec.Containers, path)...)
}

func (c *checker) validateInitContainers(path *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for _, container := range c.spec.Containers {
		names.Insert(container.Name)
	}
	for i := range c.spec.InitContainers {
		container, at := &c.spec.InitContainers[i], path.Index(i)
		errs = append(errs, c.validateContainer(container, at)...)
		errs = append(errs, validateRestartPolicy(container, at)...)
		if container.RestartPolicy != nil {
			errs = append(errs, validateRestartRules(container.RestartPolicyRules, at.Child("restartPolicyRules"))...)
		}
		if names.Has(container.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), container.Name))
		} else if container.Name != "" {
			names.Insert(container.Name)
		}
		// They run one after the other, so that only ports of the same one can collide.
		errs = append(errs, hostPortConflicts(c.spec.InitContainers[i:i+1], path)...)
		if isSidecar(container) {
			errs = append(errs, c.validateHooks(container, at)...)
			continue
		}
		errs = append(errs, forbidHooks(container, at, "may not be set for init containers without restartPolicy=Always")...)
		for j, p := range container.ResizePolicy {
			if p.RestartPolicy == corev1.RestartContainer {
				errs = append(errs, field.Invalid(at.Child("resizePolicy").Index(j).Child("restartPolicy"), p.RestartPolicy,
					"must not be set to 'RestartContainer' for non-sidecar initContainers"))
			}
		}
	}
	return errs
}

// isSidecar reports whether an init container runs beside the main ones.
func isSidecar(container *corev1.Container) bool {
	return container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// validateContainer checks what all sorts of containers have in common.
func (c *checker) validateContainer(container *corev1.Container, path *field.Path) (errs field.ErrorList) {
	if container.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	} else {
		errs = append(errs, check.DNS1123Label(container.Name, path.Child("name"))...)
	}
	if container.Image == "" {
		errs = append(errs, field.Required(path.Child("image"), ""))
	}
	errs = append(errs, check.Required(container.TerminationMessagePolicy, path.Child("terminationMessagePolicy"),
		corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)...)
	errs = append(errs, validatePorts(container.Ports, path.Child("ports"))...)
	errs = append(errs, validateEnv(container.Env, path.Child("env"))...)
	errs = append(errs, validateEnvFrom(container.EnvFrom, path.Child("envFrom"))...)
	errs = append(errs, c.validateMounts(container, path.Child("volumeMounts"))...)
	errs = append(errs, c.validateDevices(container, path.Child("volumeDevices"))...)
	errs = append(errs, check.Required(container.ImagePullPolicy, path.Child("imagePullPolicy"),
		corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	errs = append(errs, c.validateResources(&container.Resources, path.Child("resources"))...)
	errs = append(errs, validateResizePolicy(container.ResizePolicy, c.spec.RestartPolicy, path.Child("resizePolicy"))...)
	return append(errs, podsecurity.Container(c.spec, container.SecurityContext, path.Child("securityContext"))...)
}

func validatePorts(ports []corev1.ContainerPort, path *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for i, port := range ports {
		path := path.Index(i)
		if port.Name != "" {
			problems := check.Text(port.Name, path.Child("name"), validation.IsValidPortName)
			errs = append(errs, problems...)
			if len(problems) == 0 && names.Has(port.Name) {
				errs = append(errs, field.Duplicate(path.Child("name"), port.Name))
			}
			names.Insert(port.Name)
		}
		if port.ContainerPort == 0 {
			errs = append(errs, field.Required(path.Child("containerPort"), ""))
		} else {
			errs = append(errs, validatePortNumber(port.ContainerPort, path.Child("containerPort"))...)
		}
		if port.HostPort != 0 {
			errs = append(errs, validatePortNumber(port.HostPort, path.Child("hostPort"))...)
		}
		if port.Protocol == "" {
			errs = append(errs, field.Required(path.Child("protocol"), ""))
		} else {
			errs = append(errs, check.Protocol(port.Protocol, path.Child("protocol"))...)
		}
	}
	return errs
}

func validatePortNumber(port int32, path *field.Path) (errs field.ErrorList) {
	for _, msg := range validation.IsValidPortNum(int(port)) {
		errs = append(errs, field.Invalid(path, port, msg))
	}
	return errs
}

// hostPortConflicts finds ports of the node that two containers ask for.
func hostPortConflicts(containers []corev1.Container, path *field.Path) (errs field.ErrorList) {
	taken := sets.New[string]()
	for i := range containers {
		for j, port := range containers[i].Ports {
			if port.HostPort == 0 {
				continue
			}
			key := fmt.Sprintf("%s/%s/%d", port.Protocol, port.HostIP, port.HostPort)
			if taken.Has(key) {
				errs = append(errs, field.Duplicate(path.Index(i).Child("ports").Index(j).Child("hostPort"), key))
			}
			taken.Insert(key)
		}
	}
	return errs
}

// validateHostPorts holds that on the node's own network a port is what it is.
// A template may leave it open: the pod is filled when it is made.
func (c *checker) validateHostPorts(path *field.Path) (errs field.ErrorList) {
	if !c.spec.HostNetwork {
		return nil
	}
	for i := range c.spec.Containers {
		for j, port := range c.spec.Containers[i].Ports {
			if port.HostPort == port.ContainerPort || c.meta == nil && port.HostPort == 0 {
				continue
			}
			errs = append(errs, field.Invalid(path.Index(i).Child("ports").Index(j).Child("hostPort"), port.HostPort,
				"must match `containerPort` when `hostNetwork` is true"))
		}
	}
	return errs
}

// ValidateImage refuses blanks around an image's name, which templates may have.
func ValidateImage(container *corev1.Container, path *field.Path) field.ErrorList {
	if strings.TrimSpace(container.Image) != container.Image {
		return field.ErrorList{field.Invalid(path, container.Image, "must not have leading or trailing whitespace")}
	}
	return nil
}
