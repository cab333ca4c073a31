package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// validatePodStatus checks what a kubelet, or a scheduler, says of a pod.
func validatePodStatus(obj, old api.Object) field.ErrorList {
	pod, before := obj.(*corev1.Pod), old.(*corev1.Pod)
	status, was, path := &pod.Status, &before.Status, field.NewPath("status")
	errs := validateAnnotationChange(pod, before)
	errs = append(errs, validateConditions(status.Conditions, path.Child("conditions"))...)
	if name := status.NominatedNodeName; name != "" && name != was.NominatedNodeName {
		errs = append(errs, check.DNS1123Subdomain(name, path.Child("nominatedNodeName"))...)
		if before.Spec.NodeName != "" {
			errs = append(errs, field.Forbidden(path.Child("nominatedNodeName"), "may not be set on pods that are already bound to a node"))
		}
	}
	if status.ObservedGeneration < 0 {
		errs = append(errs, field.Invalid(path.Child("observedGeneration"), status.ObservedGeneration, notNegative))
	}
	errs = append(errs, apivalidation.ValidateImmutableField(status.QOSClass, was.QOSClass, path.Child("qosClass"))...)
	errs = append(errs, validateStaysEnded(&before.Spec, before.Spec.Containers, status.ContainerStatuses, was.ContainerStatuses, path.Child("containerStatuses"))...)
	errs = append(errs, validateStaysEnded(&before.Spec, before.Spec.InitContainers, status.InitContainerStatuses, was.InitContainerStatuses, path.Child("initContainerStatuses"))...)
	// Ephemeral containers never run again.
	errs = append(errs, staysEnded(status.EphemeralContainerStatuses, was.EphemeralContainerStatuses, never, path.Child("ephemeralContainerStatuses"))...)
	errs = append(errs, validateClaimStatuses(status.ResourceClaimStatuses, pod.Spec.ResourceClaims, path.Child("resourceClaimStatuses"))...)
	errs = append(errs, validateExtendedClaim(status.ExtendedResourceClaimStatus, &pod.Spec, path.Child("extendedResourceClaimStatus"))...)
	errs = append(errs, validatePodIPs(status, was, path)...)
	errs = append(errs, validateHostIPs(status, was, path)...)
	return append(errs, validateContainerStatuses(pod, path)...)
}

const notNegative = "must be a non-negative integer"

// systemConditions have names without a domain. Those that came after these
// three are allowed because any name is that looks like one.
var systemConditions = sets.New(corev1.PodScheduled, corev1.PodReady, corev1.PodInitialized)

func validateConditions(conditions []corev1.PodCondition, path *field.Path) (errs field.ErrorList) {
	for i, c := range conditions {
		if c.ObservedGeneration < 0 {
			errs = append(errs, field.Invalid(path.Index(i).Child("observedGeneration"), c.ObservedGeneration, notNegative))
		}
		if !systemConditions.Has(c.Type) {
			errs = append(errs, check.QualifiedName(string(c.Type), path.Index(i).Child("Type"))...)
		}
	}
	return errs
}

const oneOfEachFamily = "may specify no more than one IP for each IP family"

func validatePodIPs(s, before *corev1.PodStatus, path *field.Path) (errs field.ErrorList) {
	path = path.Child("podIPs")
	addresses := make([]string, len(s.PodIPs))
	var had []string
	for _, ip := range before.PodIPs {
		had = append(had, ip.IP)
	}
	for i, ip := range s.PodIPs {
		addresses[i] = ip.IP
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), ip.IP, true, had)...)
	}
	if !eachFamilyOnce(addresses) {
		errs = append(errs, field.Invalid(path, api.Internal(s.PodIPs), oneOfEachFamily))
	}
	return errs
}

func validateHostIPs(s, before *corev1.PodStatus, path *field.Path) (errs field.ErrorList) {
	path = path.Child("hostIPs")
	if len(s.HostIPs) == 0 {
		return nil
	}
	if s.HostIP != s.HostIPs[0].IP {
		errs = append(errs, field.Invalid(path.Index(0).Child("ip"), s.HostIPs[0].IP, "must be equal to `hostIP`"))
	}
	addresses := make([]string, len(s.HostIPs))
	var had []string
	for _, ip := range before.HostIPs {
		had = append(had, ip.IP)
	}
	for i, ip := range s.HostIPs {
		addresses[i] = ip.IP
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), ip.IP, true, had)...)
	}
	if !eachFamilyOnce(addresses) {
		errs = append(errs, field.Invalid(path, api.Internal(s.HostIPs), oneOfEachFamily))
	}
	return errs
}

func eachFamilyOnce(addresses []string) bool {
	if len(addresses) < 2 {
		return true
	}
	dual, err := netutils.IsDualStackIPStrings(addresses)
	return err == nil && dual && len(addresses) == 2
}

// validateStaysEnded holds that a container which is not to be restarted has
// ended for good.
func validateStaysEnded(spec *corev1.PodSpec, containers []corev1.Container, now, before []corev1.ContainerStatus, path *field.Path) field.ErrorList {
	if allMayRestart(spec) {
		return nil
	}
	return staysEnded(now, before, func(name string, exitCode int32) bool {
		i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == name })
		return i >= 0 && mayRestart(&containers[i], spec.RestartPolicy, exitCode)
	}, path)
}

func never(string, int32) bool { return false }

func staysEnded(now, before []corev1.ContainerStatus, mayRestart func(name string, exitCode int32) bool, path *field.Path) (errs field.ErrorList) {
	for i, was := range before {
		if was.State.Terminated == nil || mayRestart(was.Name, was.State.Terminated.ExitCode) {
			continue
		}
		for _, is := range now {
			if is.Name == was.Name && is.State.Terminated == nil {
				errs = append(errs, field.Forbidden(path.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
				break
			}
		}
	}
	return errs
}

// allMayRestart reports whether the end of one container can restart the whole pod.
func allMayRestart(spec *corev1.PodSpec) bool {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			for _, rule := range list[i].RestartPolicyRules {
				if rule.Action == corev1.ContainerRestartRuleActionRestartAllContainers {
					return true
				}
			}
		}
	}
	return false
}

// mayRestart reports whether a container that ended may run again: by its own
// rules and policy, else by the pod's.
func mayRestart(c *corev1.Container, policy corev1.RestartPolicy, exitCode int32) bool {
	if c.RestartPolicy != nil {
		for _, rule := range c.RestartPolicyRules {
			if rule.ExitCodes != nil && (rule.ExitCodes.Operator == corev1.ContainerRestartRuleOnExitCodesOpIn) == slices.Contains(rule.ExitCodes.Values, exitCode) {
				return true
			}
		}
		policy = corev1.RestartPolicy(*c.RestartPolicy)
	}
	switch policy {
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	case corev1.RestartPolicyNever:
		return false
	}
	return true
}
