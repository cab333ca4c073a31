package podspec

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/podsecurity"
)

// checker is the validation of one pod spec. Its parts look at one another:
// mounts at volumes, probes at the grace period.
type checker struct {
	spec    *corev1.PodSpec
	meta    *metav1.ObjectMeta // of the pod; nil for a template
	volumes map[string]*corev1.VolumeSource
	claims  sets.Set[string] // names of spec.resourceClaims
}

// Validate answers for the spec of a pod, ValidateTemplate for one in a template.
func Validate(meta *metav1.ObjectMeta, spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	c := &checker{spec: spec, meta: meta}
	return c.validate(path)
}

func (c *checker) validate(path *field.Path) field.ErrorList {
	spec := c.spec
	errs := c.validateVolumes(path.Child("volumes"))
	c.claims = claimNames(spec.ResourceClaims)
	errs = append(errs, c.validateClaims(path.Child("resourceClaims"))...)
	errs = append(errs, c.validateContainers(path.Child("containers"))...)
	errs = append(errs, c.validateInitContainers(path.Child("initContainers"))...)
	errs = append(errs, c.validateEphemeralContainers(path.Child("ephemeralContainers"))...)
	errs = append(errs, c.validatePodResources(path.Child("resources"))...)
	errs = append(errs, c.validateHostPorts(path.Child("containers"))...)
	errs = append(errs, check.Required(spec.RestartPolicy, path.Child("restartPolicy"),
		corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)...)
	errs = append(errs, check.Required(spec.DNSPolicy, path.Child("dnsPolicy"),
		corev1.DNSClusterFirstWithHostNet, corev1.DNSClusterFirst, corev1.DNSDefault, corev1.DNSNone)...)
	errs = append(errs, metav1validation.ValidateLabels(spec.NodeSelector, path.Child("nodeSelector"))...)
	errs = append(errs, podsecurity.Pod(spec, path.Child("securityContext"))...)
	if share := spec.ShareProcessNamespace; share != nil && *share && spec.HostPID {
		errs = append(errs, field.Invalid(path.Child("shareProcessNamespace"), *share, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	errs = append(errs, validateAffinity(spec.Affinity, path.Child("affinity"))...)
	errs = append(errs, validateDNSConfig(spec.DNSConfig, spec.DNSPolicy, path.Child("dnsConfig"))...)
	errs = append(errs, validateGates(spec, path)...)
	errs = append(errs, validateSpread(spec.TopologySpreadConstraints, path.Child("topologySpreadConstraints"))...)
	errs = append(errs, podsecurity.HostProcess(spec, path)...)
	errs = append(errs, podsecurity.HostUsers(spec, path)...)
	errs = append(errs, validateHostname(spec, path.Child("hostnameOverride"))...)
	errs = append(errs, c.validateNames(path)...)
	errs = append(errs, ValidateTolerations(spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, validateHostAliases(spec.HostAliases, path.Child("hostAliases"))...)
	errs = append(errs, c.validatePriority(path)...)
	errs = append(errs, podsecurity.OS(spec, path)...)
	return append(errs, validateEnvFiles(spec, path)...)
}

// validateHostname checks the name that the pod's processes see as their host's,
// if it is not the pod's.
//
// https://kep.k8s.io/4762
func validateHostname(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	name := spec.HostnameOverride
	if name == nil {
		return nil
	}
	if spec.SetHostnameAsFQDN != nil && *spec.SetHostnameAsFQDN {
		errs = append(errs, field.Forbidden(path, "may not be specified when setHostnameAsFQDN is true"))
	}
	if spec.HostNetwork {
		errs = append(errs, field.Forbidden(path, "may not be specified when hostNetwork is true"))
	}
	const longest = 64
	if len(*name) > longest {
		errs = append(errs, field.TooLong(path, "", longest))
	}
	return append(errs, check.DNS1123Subdomain(*name, path)...)
}

// validateNames checks what the pod is called and what it refers to by name.
func (c *checker) validateNames(path *field.Path) (errs field.ErrorList) {
	spec := c.spec
	if spec.ServiceAccountName != "" {
		errs = append(errs, check.DNS1123Subdomain(spec.ServiceAccountName, path.Child("serviceAccountName"))...)
	}
	if spec.NodeName != "" {
		errs = append(errs, check.DNS1123Subdomain(spec.NodeName, path.Child("nodeName"))...)
	}
	if seconds := spec.ActiveDeadlineSeconds; seconds != nil && (*seconds < 1 || *seconds > math.MaxInt32) {
		errs = append(errs, field.Invalid(path.Child("activeDeadlineSeconds"), *seconds, validation.InclusiveRangeError(1, math.MaxInt32)))
	}
	if spec.Hostname != "" {
		errs = append(errs, check.DNS1123Label(spec.Hostname, path.Child("hostname"))...)
	}
	if spec.Subdomain != "" {
		errs = append(errs, check.DNS1123Label(spec.Subdomain, path.Child("subdomain"))...)
	}
	return errs
}

func (c *checker) validatePriority(path *field.Path) (errs field.ErrorList) {
	spec := c.spec
	if spec.PriorityClassName != "" {
		errs = append(errs, check.DNS1123Subdomain(spec.PriorityClassName, path.Child("priorityClassName"))...)
	}
	if spec.RuntimeClassName != nil {
		errs = append(errs, check.DNS1123Subdomain(*spec.RuntimeClassName, path.Child("runtimeClassName"))...)
	}
	if spec.PreemptionPolicy != nil {
		errs = append(errs, check.Required(*spec.PreemptionPolicy, path.Child("preemptionPolicy"), corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	if spec.Overhead != nil {
		errs = append(errs, c.validateResources(&corev1.ResourceRequirements{Limits: spec.Overhead}, path.Child("overhead"))...)
	}
	return errs
}
