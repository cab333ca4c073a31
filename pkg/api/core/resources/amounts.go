package resources

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Round rounds up to thousandths: nothing finer is stored.
func Round(list corev1.ResourceList) {
	for name, quantity := range list {
		quantity.RoundUp(-3)
		list[name] = quantity
	}
}

// ValidateQuantity checks how much of a resource there may be.
func ValidateQuantity(name corev1.ResourceName, quantity resource.Quantity, path *field.Path) (errs field.ErrorList) {
	if quantity.Sign() < 0 {
		errs = append(errs, field.Invalid(path, quantity.String(), "must be greater than or equal to 0"))
	}
	if IsInteger(name) && quantity.MilliValue()%1000 != 0 {
		errs = append(errs, field.Invalid(path, quantity.String(), "must be an integer"))
	}
	return errs
}

// ValidateName checks the name of any resource: one that Kubernetes knows, or one with a domain.
func ValidateName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range validation.IsQualifiedName(string(name)) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	if len(errs) == 0 && !strings.Contains(string(name), "/") && !IsQuota(name) && name != corev1.ResourceStorage {
		errs = append(errs, field.Invalid(path, name, "must be a standard resource type or fully qualified"))
	}
	return errs
}

// ValidateContainerName checks the name of something that a container can have.
func ValidateContainerName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	errs := ValidateName(name, path)
	switch hasDomain := strings.Contains(string(name), "/"); {
	case !hasDomain && !isContainer(string(name)):
		errs = append(errs, field.Invalid(path, name, "must be a standard resource for containers"))
	case hasDomain && !isNative(name) && !isExtended(string(name)):
		errs = append(errs, field.Invalid(path, name, "doesn't follow extended resource name standard"))
	}
	return errs
}

// ValidateQuotaName checks the name of something that a quota can limit.
func ValidateQuotaName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	errs := ValidateName(name, path)
	if !strings.Contains(string(name), "/") && !IsQuota(name) {
		errs = append(errs, field.Invalid(path, name, "must be a standard resource for quota"))
	}
	return errs
}

// ValidatePages checks that an amount of huge pages is a number of whole ones.
func ValidatePages(name corev1.ResourceName, quantity resource.Quantity, path *field.Path) field.ErrorList {
	if !IsHugePages(name) {
		return nil
	}
	size, err := resource.ParseQuantity(strings.TrimPrefix(string(name), corev1.ResourceHugePagesPrefix))
	if err == nil && size.Sign() > 0 && size.MilliValue()%1000 == 0 && quantity.Value()%size.Value() == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, quantity.String(), fmt.Sprintf("%s is not positive integer multiple of %s", quantity.String(), name))}
}
