package limits

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/resources"
)

func validateLimitRange(obj api.Object) (errs field.ErrorList) {
	seen := map[corev1.LimitType]bool{}
	limits := obj.(*corev1.LimitRange).Spec.Limits
	for i := range limits {
		item, path := &limits[i], field.NewPath("spec", "limits").Index(i)
		errs = append(errs, validateLimitType(item.Type, path.Child("type"))...)
		if seen[item.Type] {
			errs = append(errs, field.Duplicate(path.Child("type"), item.Type))
		}
		seen[item.Type] = true
		errs = append(errs, validateLimitNames(item, path)...)
		errs = append(errs, validateLimitAmounts(item, path)...)
	}
	return errs
}

func validateLimitType(limit corev1.LimitType, path *field.Path) field.ErrorList {
	switch limit {
	case corev1.LimitTypePod, corev1.LimitTypeContainer, corev1.LimitTypePersistentVolumeClaim:
		return nil
	}
	errs := check.QualifiedName(string(limit), path)
	if len(errs) == 0 && !strings.Contains(string(limit), "/") {
		errs = append(errs, field.Invalid(path, string(limit), "must be a standard limit type or fully qualified"))
	}
	return errs
}

func validateLimitNames(item *corev1.LimitRangeItem, path *field.Path) (errs field.ErrorList) {
	check := resources.ValidateName // claims have storage, too
	if item.Type == corev1.LimitTypePod || item.Type == corev1.LimitTypeContainer {
		check = resources.ValidateContainerName
	}
	names := func(field string, list corev1.ResourceList) {
		for _, name := range resources.Names(list) {
			errs = append(errs, check(name, path.Child(field).Key(string(name)))...)
		}
	}
	names("max", item.Max)
	names("min", item.Min)
	if item.Type == corev1.LimitTypePod {
		const message = "may not be specified when `type` is 'Pod'"
		if len(item.Default) > 0 {
			errs = append(errs, field.Forbidden(path.Child("default"), message))
		}
		if len(item.DefaultRequest) > 0 {
			errs = append(errs, field.Forbidden(path.Child("defaultRequest"), message))
		}
	} else {
		names("default", item.Default)
		names("defaultRequest", item.DefaultRequest)
	}
	if item.Type == corev1.LimitTypePersistentVolumeClaim {
		_, hasMin := item.Min[corev1.ResourceStorage]
		if _, hasMax := item.Max[corev1.ResourceStorage]; !hasMin && !hasMax {
			errs = append(errs, field.Required(path.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	names("maxLimitRequestRatio", item.MaxLimitRequestRatio)
	return errs
}

// validateLimitAmounts checks that the amounts of each resource fit together.
func validateLimitAmounts(item *corev1.LimitRangeItem, path *field.Path) (errs field.ErrorList) {
	all := corev1.ResourceList{}
	for _, list := range []corev1.ResourceList{item.Max, item.Min, item.Default, item.DefaultRequest, item.MaxLimitRequestRatio} {
		maps.Copy(all, list)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		errs = append(errs, limitAmounts{item, path, name}.validate()...)
	}
	return errs
}

// limitAmounts is one resource of an item.
type limitAmounts struct {
	item *corev1.LimitRangeItem
	path *field.Path
	name corev1.ResourceName
}

func (l limitAmounts) at(name string) *field.Path { return l.path.Child(name).Key(string(l.name)) }

func (l limitAmounts) validate() (errs field.ErrorList) {
	least, hasLeast := l.item.Min[l.name]
	most, hasMost := l.item.Max[l.name]
	limit, hasLimit := l.item.Default[l.name]
	request, hasRequest := l.item.DefaultRequest[l.name]
	if l.item.Type == corev1.LimitTypePod { // whose defaults are refused already
		hasLimit, hasRequest = false, false
	}
	ordered := func(both bool, low, high resource.Quantity, at string, shown resource.Quantity, format string) {
		if both && low.Cmp(high) > 0 {
			errs = append(errs, field.Invalid(l.at(at), shown, fmt.Sprintf(format, low.String(), high.String())))
		}
	}
	ordered(hasLeast && hasMost, least, most, "min", least, "min value %s is greater than max value %s")
	ordered(hasRequest && hasLeast, least, request, "defaultRequest", request, "min value %s is greater than default request value %s")
	ordered(hasRequest && hasMost, request, most, "defaultRequest", request, "default request value %s is greater than max value %s")
	ordered(hasRequest && hasLimit, request, limit, "defaultRequest", request, "default request value %s is greater than default limit value %s")
	ordered(hasLimit && hasLeast, least, limit, "default", least, "min value %s is greater than default value %s")
	ordered(hasLimit && hasMost, limit, most, "default", most, "default value %s is greater than max value %s")
	if ratio, ok := l.item.MaxLimitRequestRatio[l.name]; ok {
		errs = append(errs, l.validateRatio(ratio, least, most, hasLeast && hasMost)...)
	}
	if !resources.MayOvercommit(l.name) && hasLimit && hasRequest && limit.Cmp(request) != 0 {
		errs = append(errs, field.Invalid(l.at("defaultRequest"), request,
			fmt.Sprintf("default value %s must equal to defaultRequest value %s in %s", limit.String(), request.String(), l.name)))
	}
	return errs
}

func (l limitAmounts) validateRatio(ratio, least, most resource.Quantity, bounded bool) (errs field.ErrorList) {
	at := l.at("maxLimitRequestRatio")
	if ratio.CmpInt64(1) < 0 {
		errs = append(errs, field.Invalid(at, ratio, fmt.Sprintf("ratio %s is less than 1", ratio.String())))
	}
	if !bounded {
		return errs
	}
	if possible := most.AsApproximateFloat64() / least.AsApproximateFloat64(); ratio.AsApproximateFloat64() > possible {
		errs = append(errs, field.Invalid(at, ratio, fmt.Sprintf("ratio %s is greater than max/min = %f", ratio.String(), possible)))
	}
	return errs
}
