package networking

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"slowmo/pkg/api"
)

// tolerated is what an update leaves alone because it was stored before there
// was a rule against it.
type tolerated struct {
	secretNames   bool
	wildcardRules bool
}

func validateIngress(obj api.Object) field.ErrorList {
	ingress := obj.(*networkingv1.Ingress)
	errs := validateIngressSpec(&ingress.Spec, tolerated{}, field.NewPath("spec"))
	class, set := ingress.Annotations[classAnnotation]
	if name := ingress.Spec.IngressClassName; set && name != nil && class != *name {
		errs = append(errs, field.Invalid(field.NewPath("annotations", classAnnotation), class, "must match `ingressClassName` when both are specified"))
	}
	return errs
}

func validateIngressUpdate(obj, old api.Object) field.ErrorList {
	var known tolerated
	before := &old.(*networkingv1.Ingress).Spec
	for _, tls := range before.TLS {
		known.secretNames = known.secretNames || len(secretNameProblems(tls.SecretName)) > 0
	}
	for _, rule := range before.Rules {
		if strings.Contains(rule.Host, "*") && len(validateHTTPRule(rule.HTTP, nil)) > 0 {
			known.wildcardRules = true
		}
	}
	return validateIngressSpec(&obj.(*networkingv1.Ingress).Spec, known, field.NewPath("spec"))
}

func validateIngressSpec(spec *networkingv1.IngressSpec, known tolerated, path *field.Path) (errs field.ErrorList) {
	if len(spec.Rules) == 0 && spec.DefaultBackend == nil {
		errs = append(errs, field.Invalid(path, spec.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if spec.DefaultBackend != nil {
		errs = append(errs, validateBackend(spec.DefaultBackend, path.Child("defaultBackend"))...)
	}
	for i := range spec.Rules {
		errs = append(errs, validateIngressRule(&spec.Rules[i], known, path.Child("rules").Index(i))...)
	}
	for i, tls := range spec.TLS {
		path := path.Child("tls").Index(i)
		for j, host := range tls.Hosts {
			errs = append(errs, validateHost(host, path.Child("hosts").Index(j))...)
		}
		if !known.secretNames {
			errs = append(errs, invalid(tls.SecretName, path.Child("secretName"), secretNameProblems(tls.SecretName))...)
		}
	}
	if name := spec.IngressClassName; name != nil {
		errs = append(errs, invalid(*name, path.Child("ingressClassName"), apivalidation.NameIsDNSSubdomain(*name, false))...)
	}
	return errs
}

// invalid makes errors of what is said against the value at path.
func invalid(value string, path *field.Path, problems []string) (errs field.ErrorList) {
	for _, problem := range problems {
		errs = append(errs, field.Invalid(path, value, problem))
	}
	return errs
}

func secretNameProblems(name string) []string {
	if name == "" {
		return nil
	}
	return apivalidation.NameIsDNSSubdomain(name, false)
}

const notAnAddress = "must be a DNS name, not an IP address"

func validateHost(host string, path *field.Path) field.ErrorList {
	if strings.Contains(host, "*") {
		return invalid(host, path, validation.IsWildcardDNS1123Subdomain(host))
	}
	return invalid(host, path, validation.IsDNS1123Subdomain(host))
}

func validateIngressRule(rule *networkingv1.IngressRule, known tolerated, path *field.Path) (errs field.ErrorList) {
	if rule.Host != "" {
		if netutils.ParseIPSloppy(rule.Host) != nil {
			errs = append(errs, field.Invalid(path.Child("host"), rule.Host, notAnAddress))
		}
		errs = append(errs, validateHost(rule.Host, path.Child("host"))...)
	}
	if known.wildcardRules && strings.Contains(rule.Host, "*") {
		return errs
	}
	return append(errs, validateHTTPRule(rule.HTTP, path.Child("http"))...)
}

func validateHTTPRule(http *networkingv1.HTTPIngressRuleValue, path *field.Path) (errs field.ErrorList) {
	if http == nil {
		return nil
	}
	if len(http.Paths) == 0 {
		errs = append(errs, field.Required(path.Child("paths"), ""))
	}
	for i := range http.Paths {
		errs = append(errs, validateHTTPPath(&http.Paths[i], path.Child("paths").Index(i))...)
	}
	return errs
}

func validateHTTPPath(p *networkingv1.HTTPIngressPath, path *field.Path) (errs field.ErrorList) {
	if p.PathType == nil {
		return field.ErrorList{field.Required(path.Child("pathType"), "pathType must be specified")}
	}
	refuse := func(why string) { errs = append(errs, field.Invalid(path.Child("path"), p.Path, why)) }
	switch *p.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !strings.HasPrefix(p.Path, "/") {
			refuse("must be an absolute path")
		}
		for _, sequence := range []string{"//", "/./", "/../", "%2f", "%2F"} {
			if strings.Contains(p.Path, sequence) {
				refuse(fmt.Sprintf("must not contain '%s'", sequence))
			}
		}
		for _, suffix := range []string{"/..", "/."} {
			if strings.HasSuffix(p.Path, suffix) {
				refuse(fmt.Sprintf("cannot end with '%s'", suffix))
			}
		}
	case networkingv1.PathTypeImplementationSpecific:
		if p.Path != "" && !strings.HasPrefix(p.Path, "/") {
			refuse("must be an absolute path")
		}
	default:
		errs = append(errs, field.NotSupported(path.Child("pathType"), *p.PathType,
			[]networkingv1.PathType{networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix}))
	}
	return append(errs, validateBackend(&p.Backend, path.Child("backend"))...)
}

func validateBackend(backend *networkingv1.IngressBackend, path *field.Path) field.ErrorList {
	switch {
	case backend.Resource != nil && backend.Service != nil:
		return field.ErrorList{field.Invalid(path, "", "cannot set both resource and service backends")}
	case backend.Resource != nil:
		return validateReference(backend.Resource, path.Child("resource"))
	case backend.Service != nil:
		return validateServiceBackend(backend.Service, path)
	default:
		return field.ErrorList{field.Invalid(path, "", "resource or service backend is required")}
	}
}

func validateServiceBackend(service *networkingv1.IngressServiceBackend, path *field.Path) (errs field.ErrorList) {
	name := path.Child("service", "name")
	if service.Name == "" {
		errs = append(errs, field.Required(name, ""))
	} else {
		errs = append(errs, invalid(service.Name, name, apivalidation.NameIsDNSLabel(service.Name, false))...)
	}
	switch port := service.Port; {
	case port.Name != "" && port.Number != 0:
		errs = append(errs, field.Invalid(path, "", "cannot set both port name & port number"))
	case port.Name != "":
		errs = append(errs, invalid(port.Name, path.Child("service", "port", "name"), validation.IsValidPortName(port.Name))...)
	case port.Number != 0:
		for _, problem := range validation.IsValidPortNum(int(port.Number)) {
			errs = append(errs, field.Invalid(path.Child("service", "port", "number"), port.Number, problem))
		}
	default:
		errs = append(errs, field.Required(path, "port name or number is required"))
	}
	return errs
}

func validateReference(ref *corev1.TypedLocalObjectReference, path *field.Path) (errs field.ErrorList) {
	if ref.APIGroup != nil {
		errs = append(errs, invalid(*ref.APIGroup, path.Child("apiGroup"), validation.IsDNS1123Subdomain(*ref.APIGroup))...)
	}
	for _, part := range []struct{ name, value string }{{"kind", ref.Kind}, {"name", ref.Name}} {
		if part.value == "" {
			errs = append(errs, field.Required(path.Child(part.name), ""))
		} else {
			errs = append(errs, invalid(part.value, path.Child(part.name), pathvalidation.IsValidPathSegmentName(part.value))...)
		}
	}
	return errs
}

func validateIngressStatus(obj, old api.Object) (errs field.ErrorList) {
	var known []string // addresses that were there already
	for _, point := range old.(*networkingv1.Ingress).Status.LoadBalancer.Ingress {
		if point.IP != "" {
			known = append(known, point.IP)
		}
	}
	path := field.NewPath("status", "loadBalancer", "ingress")
	for i, point := range obj.(*networkingv1.Ingress).Status.LoadBalancer.Ingress {
		if point.IP != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i).Child("ip"), point.IP, true, known)...)
		}
		if point.Hostname != "" {
			hostname := path.Index(i).Child("hostname")
			errs = append(errs, invalid(point.Hostname, hostname, validation.IsDNS1123Subdomain(point.Hostname))...)
			if netutils.ParseIPSloppy(point.Hostname) != nil {
				errs = append(errs, field.Invalid(hostname, point.Hostname, notAnAddress))
			}
		}
	}
	return errs
}
