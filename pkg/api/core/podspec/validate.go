package podspec

import (
	"math"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

// AllowPrivileged says whether privileged containers are admitted in this
// cluster. It is the flag --allow-privileged of the server, which sets it once
// before it serves; validation has no other way to know.
var AllowPrivileged atomic.Bool

// checker is the validation of one pod spec. Its parts look at one another:
// mounts at volumes, probes at the grace period.
type checker struct {
	spec    *corev1.PodSpec
	isPod   bool // and not a template
	volumes map[string]*corev1.VolumeSource
	claims  sets.Set[string] // names of spec.resourceClaims
}

// Validate answers for the spec of a pod, ValidateTemplate for one in a template.
func Validate(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	c := &checker{spec: spec, isPod: true}
	return c.validate(path)
}

func (c *checker) validate(path *field.Path) field.ErrorList {
	spec := c.spec
	errs := c.validateVolumes(path.Child("volumes"))
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
	errs = append(errs, c.validatePodSecurity(path)...)
	errs = append(errs, validateAffinity(spec.Affinity, path.Child("affinity"))...)
	errs = append(errs, validateDNSConfig(spec.DNSConfig, spec.DNSPolicy, path.Child("dnsConfig"))...)
	errs = append(errs, validateGates(spec, path)...)
	errs = append(errs, validateSpread(spec.TopologySpreadConstraints, path.Child("topologySpreadConstraints"))...)
	errs = append(errs, c.validateHostUsers(path.Child("hostUsers"))...)
	errs = append(errs, c.validateNames(path)...)
	errs = append(errs, ValidateTolerations(spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, validateHostAliases(spec.HostAliases, path.Child("hostAliases"))...)
	return append(errs, c.validatePriority(path)...)
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
	if spec.OS != nil {
		errs = append(errs, check.Required(spec.OS.Name, path.Child("os", "name"), corev1.Linux, corev1.Windows)...)
	}
	return errs
}

// validateClaims checks the claims of devices that the pod names.
func (c *checker) validateClaims(path *field.Path) (errs field.ErrorList) {
	c.claims = sets.New[string]()
	for i, claim := range c.spec.ResourceClaims {
		path := path.Index(i)
		if c.claims.Has(claim.Name) {
			errs = append(errs, field.Duplicate(path.Child("name"), claim.Name))
		}
		c.claims.Insert(claim.Name)
		if claim.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), ""))
		} else {
			errs = append(errs, check.DNS1123Label(claim.Name, path.Child("name"))...)
		}
		switch {
		case claim.ResourceClaimName != nil && claim.ResourceClaimTemplateName != nil:
			errs = append(errs, field.Invalid(path, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
		case claim.ResourceClaimName == nil && claim.ResourceClaimTemplateName == nil:
			errs = append(errs, field.Invalid(path, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
		case claim.ResourceClaimName != nil:
			errs = append(errs, check.DNS1123Subdomain(*claim.ResourceClaimName, path.Child("resourceClaimName"))...)
		default:
			errs = append(errs, check.DNS1123Subdomain(*claim.ResourceClaimTemplateName, path.Child("resourceClaimTemplateName"))...)
		}
	}
	return errs
}
