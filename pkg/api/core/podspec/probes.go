package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/volumesource"
)

// validateHooks checks what the kubelet does with a container while it runs.
func (c *checker) validateHooks(container *corev1.Container, path *field.Path) (errs field.ErrorList) {
	grace := ptr.Deref(c.spec.TerminationGracePeriodSeconds, 0)
	if hooks := container.Lifecycle; hooks != nil {
		path := path.Child("lifecycle")
		if h := hooks.PostStart; h != nil {
			errs = append(errs, handler{h.Exec, h.HTTPGet, h.TCPSocket, nil, h.Sleep}.validate(grace, path.Child("postStart"))...)
		}
		if h := hooks.PreStop; h != nil {
			errs = append(errs, handler{h.Exec, h.HTTPGet, h.TCPSocket, nil, h.Sleep}.validate(grace, path.Child("preStop"))...)
		}
	}
	errs = append(errs, validateProbe(container.LivenessProbe, path.Child("livenessProbe"), once)...)
	errs = append(errs, validateProbe(container.ReadinessProbe, path.Child("readinessProbe"), noGrace)...)
	return append(errs, validateProbe(container.StartupProbe, path.Child("startupProbe"), once)...)
}

// forbidHooks is for containers that end or that nothing waits for.
func forbidHooks(container *corev1.Container, path *field.Path, message string) (errs field.ErrorList) {
	if container.Lifecycle != nil {
		errs = append(errs, field.Forbidden(path.Child("lifecycle"), message))
	}
	if container.LivenessProbe != nil {
		errs = append(errs, field.Forbidden(path.Child("livenessProbe"), message))
	}
	if container.ReadinessProbe != nil {
		errs = append(errs, field.Forbidden(path.Child("readinessProbe"), message))
	}
	if container.StartupProbe != nil {
		errs = append(errs, field.Forbidden(path.Child("startupProbe"), message))
	}
	return errs
}

func validateProbe(p *corev1.Probe, path *field.Path, rule func(*corev1.Probe, *field.Path) field.ErrorList) (errs field.ErrorList) {
	if p == nil {
		return nil
	}
	errs = handler{p.Exec, p.HTTPGet, p.TCPSocket, p.GRPC, nil}.validate(0, path)
	for _, f := range []struct {
		name  string
		value int32
	}{
		{"initialDelaySeconds", p.InitialDelaySeconds}, {"timeoutSeconds", p.TimeoutSeconds}, {"periodSeconds", p.PeriodSeconds},
		{"successThreshold", p.SuccessThreshold}, {"failureThreshold", p.FailureThreshold},
	} {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(f.value), path.Child(f.name))...)
	}
	if grace := p.TerminationGracePeriodSeconds; grace != nil && *grace <= 0 {
		errs = append(errs, field.Invalid(path.Child("terminationGracePeriodSeconds"), *grace, "must be greater than 0"))
	}
	return append(errs, rule(p, path)...)
}

// once is the rule of probes that restart a container: one success is enough.
func once(p *corev1.Probe, path *field.Path) field.ErrorList {
	if p.SuccessThreshold == 1 {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child("successThreshold"), p.SuccessThreshold, "must be 1")}
}

// noGrace is the rule of readiness probes, which stop nothing.
func noGrace(p *corev1.Probe, path *field.Path) field.ErrorList {
	if p.TerminationGracePeriodSeconds == nil {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child("terminationGracePeriodSeconds"), *p.TerminationGracePeriodSeconds, "must not be set for readinessProbes")}
}

// handler is what a hook or a probe does: exactly one of these.
type handler struct {
	exec  *corev1.ExecAction
	http  *corev1.HTTPGetAction
	tcp   *corev1.TCPSocketAction
	grpc  *corev1.GRPCAction
	sleep *corev1.SleepAction
}

func (h handler) validate(grace int64, path *field.Path) field.ErrorList {
	handlers := &volumesource.Exclusive{Path: path, Message: "may not specify more than 1 handler type"}
	handlers.Check("exec", h.exec != nil, func(path *field.Path) field.ErrorList {
		if len(h.exec.Command) == 0 {
			return field.ErrorList{field.Required(path.Child("command"), "")}
		}
		return nil
	})
	handlers.Check("httpGet", h.http != nil, func(path *field.Path) field.ErrorList { return validateHTTPGet(h.http, path) })
	handlers.Check("tcpSocket", h.tcp != nil, func(path *field.Path) field.ErrorList { return check.Port(h.tcp.Port, path.Child("port")) })
	handlers.Check("grpc", h.grpc != nil, func(path *field.Path) field.ErrorList { return validatePortNumber(h.grpc.Port, path.Child("port")) })
	handlers.Check("sleep", h.sleep != nil, func(path *field.Path) field.ErrorList {
		if h.sleep.Seconds >= 0 && h.sleep.Seconds <= grace {
			return nil
		}
		return field.ErrorList{field.Invalid(path, h.sleep.Seconds,
			fmt.Sprintf("must be non-negative and less than terminationGracePeriodSeconds (%d)", grace))}
	})
	if handlers.Found == 0 {
		return field.ErrorList{field.Required(path, "must specify a handler type")}
	}
	return handlers.Errs
}

func validateHTTPGet(get *corev1.HTTPGetAction, path *field.Path) (errs field.ErrorList) {
	if get.Path == "" {
		errs = append(errs, field.Required(path.Child("path"), ""))
	}
	errs = append(errs, check.Port(get.Port, path.Child("port"))...)
	errs = append(errs, check.OneOf(get.Scheme, path.Child("scheme"), corev1.URISchemeHTTP, corev1.URISchemeHTTPS)...)
	for _, header := range get.HTTPHeaders {
		errs = append(errs, check.Text(header.Name, path.Child("httpHeaders"), validation.IsHTTPHeaderName)...)
	}
	return errs
}
