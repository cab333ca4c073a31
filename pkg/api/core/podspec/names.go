package podspec

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateDNS1123Label checks the name of something within a pod.
func ValidateDNS1123Label(value string, path *field.Path) field.ErrorList {
	return invalid(value, path, validation.IsDNS1123Label)
}

// ValidateDNS1123Subdomain checks the name of an object that a pod refers to.
func ValidateDNS1123Subdomain(value string, path *field.Path) field.ErrorList {
	return invalid(value, path, validation.IsDNS1123Subdomain)
}

// ValidateQualifiedName checks a name that may have a domain before a slash.
func ValidateQualifiedName(value string, path *field.Path) field.ErrorList {
	return invalid(value, path, func(s string) []string { return validation.IsQualifiedName(s) })
}

// invalid turns what check says about a value into errors of a field.
func invalid(value string, path *field.Path, check func(string) []string) (errs field.ErrorList) {
	for _, msg := range check(value) {
		errs = append(errs, field.Invalid(path, value, msg))
	}
	return errs
}

// OneOf checks that value is one of those allowed.
func OneOf[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if slices.Contains(allowed, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}

// required is OneOf for a value that may not be empty either.
func required[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return OneOf(value, path, allowed...)
}

// ValidateProtocol checks the protocol of a port.
func ValidateProtocol(protocol corev1.Protocol, path *field.Path) field.ErrorList {
	return OneOf(protocol, path, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)
}

// ValidateTaintEffect checks the effect of a taint or toleration, which a toleration may leave open.
func ValidateTaintEffect(effect corev1.TaintEffect, mayBeEmpty bool, path *field.Path) field.ErrorList {
	switch {
	case effect == "" && mayBeEmpty:
		return nil
	case effect == "":
		return field.ErrorList{field.Required(path, "")}
	default:
		return OneOf(effect, path, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
	}
}

// ValidatePort checks a port that is given by its number or by its name.
func ValidatePort(port intstr.IntOrString, path *field.Path) (errs field.ErrorList) {
	var msgs []string
	var value any = port.StrVal
	if port.Type == intstr.Int {
		msgs, value = validation.IsValidPortNum(int(port.IntVal)), port.IntVal
	} else {
		msgs = validation.IsValidPortName(port.StrVal)
	}
	for _, msg := range msgs {
		errs = append(errs, field.Invalid(path, value, msg))
	}
	return errs
}
