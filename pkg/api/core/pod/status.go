package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// validatePodStatus checks what a kubelet, or a scheduler, says of a pod.
func validatePodStatus(obj, old api.Object) (errs field.ErrorList) {
	pod, before := obj.(*corev1.Pod), old.(*corev1.Pod)
	path := field.NewPath("status")
	if name := pod.Status.NominatedNodeName; name != "" {
		errs = append(errs, check.DNS1123Subdomain(name, path.Child("nominatedNodeName"))...)
	}
	for i, c := range pod.Status.Conditions {
		// Conditions of the system have short names, those of others a domain.
		if !systemConditions.Has(c.Type) {
			errs = append(errs, check.QualifiedName(string(c.Type), path.Child("conditions").Index(i).Child("Type"))...)
		}
	}
	errs = append(errs, validatePodIPs(pod.Status.PodIPs, path.Child("podIPs"))...)
	errs = append(errs, validateHostIPs(&pod.Status, path)...)
	errs = append(errs, validateStaysEnded(pod.Status.ContainerStatuses, before.Status.ContainerStatuses, pod.Spec.RestartPolicy, path.Child("containerStatuses"), pod.Spec.Containers)...)
	return append(errs, validateStaysEnded(pod.Status.InitContainerStatuses, before.Status.InitContainerStatuses, pod.Spec.RestartPolicy, path.Child("initContainerStatuses"), pod.Spec.InitContainers)...)
}

var systemConditions = sets.New(corev1.PodScheduled, corev1.PodReady, corev1.PodInitialized, corev1.ContainersReady,
	corev1.DisruptionTarget, corev1.PodReadyToStartContainers, corev1.PodResizePending, corev1.PodResizeInProgress)

func validatePodIPs(ips []corev1.PodIP, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[string]()
	addresses := make([]string, len(ips))
	for i, ip := range ips {
		addresses[i] = ip.IP
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), ip.IP, true, nil)...)
		if seen.Has(ip.IP) {
			errs = append(errs, field.Duplicate(path.Index(i), ip))
		}
		seen.Insert(ip.IP)
	}
	if len(ips) > 1 {
		if dual, err := netutils.IsDualStackIPStrings(addresses); err == nil && (!dual || len(ips) > 2) {
			errs = append(errs, field.Invalid(path, ips, "may specify no more than one IP for each IP family"))
		}
	}
	return errs
}

func validateHostIPs(s *corev1.PodStatus, path *field.Path) (errs field.ErrorList) {
	for i, ip := range s.HostIPs {
		errs = append(errs, validation.IsValidIPForLegacyField(path.Child("hostIPs").Index(i), ip.IP, true, nil)...)
	}
	if len(s.HostIPs) > 0 && s.HostIP != s.HostIPs[0].IP {
		errs = append(errs, field.Invalid(path.Child("hostIPs").Index(0).Child("ip"), s.HostIPs[0].IP, "must be equal to `hostIP`"))
	}
	return errs
}

// validateStaysEnded holds that a container which is not to be restarted has
// ended for good.
func validateStaysEnded(now, before []corev1.ContainerStatus, policy corev1.RestartPolicy, path *field.Path, containers []corev1.Container) (errs field.ErrorList) {
	if policy == corev1.RestartPolicyAlways {
		return nil
	}
	restarts := sets.New[string]()
	for i := range containers {
		if containers[i].RestartPolicy != nil || len(containers[i].RestartPolicyRules) > 0 {
			restarts.Insert(containers[i].Name)
		}
	}
	for i, was := range before {
		ended := was.State.Terminated
		if ended == nil || restarts.Has(was.Name) || ended.ExitCode != 0 && policy == corev1.RestartPolicyOnFailure {
			continue
		}
		for _, is := range now {
			if is.Name == was.Name && is.State.Terminated == nil {
				errs = append(errs, field.Forbidden(path.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
			}
		}
	}
	return errs
}
