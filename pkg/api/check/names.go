package check

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// DNS1123Label checks the name of something within an object.
func DNS1123Label(value string, path *field.Path) field.ErrorList {
	return Text(value, path, validation.IsDNS1123Label)
}

// DNS1123Subdomain checks the name of another object.
func DNS1123Subdomain(value string, path *field.Path) field.ErrorList {
	return Text(value, path, validation.IsDNS1123Subdomain)
}

// QualifiedName checks a name that may have a domain before a slash.
func QualifiedName(value string, path *field.Path) field.ErrorList {
	return Text(value, path, func(s string) []string { return validation.IsQualifiedName(s) })
}

// Text turns what problems says about a value into errors of a field.
func Text(value string, path *field.Path, problems func(string) []string) (errs field.ErrorList) {
	for _, msg := range problems(value) {
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

// Required is OneOf for a value that may not be empty either.
func Required[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return OneOf(value, path, allowed...)
}

// Protocol checks the protocol of a port.
func Protocol(protocol corev1.Protocol, path *field.Path) field.ErrorList {
	return OneOf(protocol, path, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)
}

// TaintEffect checks the effect of a taint or toleration, which a toleration may leave open.
func TaintEffect(effect corev1.TaintEffect, mayBeEmpty bool, path *field.Path) field.ErrorList {
	if effect == "" && mayBeEmpty {
		return nil
	}
	return Required(effect, path, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
}

// Port checks a port that is given by its number or by its name.
func Port(port intstr.IntOrString, path *field.Path) (errs field.ErrorList) {
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
