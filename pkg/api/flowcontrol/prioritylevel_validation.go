package flowcontrol

import (
	"fmt"
	"math"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

func validatePriorityLevelUpdate(obj, _ api.Object) field.ErrorList {
	return validatePriorityLevel(obj)
}

// validatePriorityLevel says last what upstream reads off the tags of the types.
func validatePriorityLevel(obj api.Object) field.ErrorList {
	level, path := obj.(*flowcontrolv1.PriorityLevelConfiguration), field.NewPath("spec")
	errs := validateLevelSpec(&level.Spec, level.Name, path)
	errs = append(errs, validateFixedLevel(level, path)...)
	errs = append(errs, validatePriorityLevelStatus(obj, nil)...)
	return append(errs, validateMembers(&level.Spec, path)...)
}

// validateFixedLevel checks that a mandatory level is as it must be. The shares
// of the exempt one are the administrator's.
func validateFixedLevel(level *flowcontrolv1.PriorityLevelConfiguration, path *field.Path) field.ErrorList {
	for _, fixed := range mandatoryPriorityLevels() {
		if fixed.Name != level.Name {
			continue
		}
		want, message := fixed.Spec, "spec of '%s' must equal the fixed value"
		if level.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt {
			want.Exempt, message = level.Spec.Exempt, "spec of '%s' except the 'spec.exempt' field must equal the fixed value"
		}
		if !equality.Semantic.DeepEqual(level.Spec, want) {
			return field.ErrorList{field.Invalid(path, api.Internal(level.Spec), fmt.Sprintf(message, level.Name))}
		}
	}
	return nil
}

func validatePriorityLevelStatus(obj, _ api.Object) field.ErrorList {
	var types []string
	for _, c := range obj.(*flowcontrolv1.PriorityLevelConfiguration).Status.Conditions {
		types = append(types, string(c.Type))
	}
	return validateConditionTypes(types)
}

const (
	exempt  = flowcontrolv1.PriorityLevelEnablementExempt
	limited = flowcontrolv1.PriorityLevelEnablementLimited
	queue   = flowcontrolv1.LimitResponseTypeQueue
	reject  = flowcontrolv1.LimitResponseTypeReject
)

func validateLevelSpec(spec *flowcontrolv1.PriorityLevelConfigurationSpec, name string, path *field.Path) (errs field.ErrorList) {
	if (name == flowcontrolv1.PriorityLevelConfigurationNameExempt) != (spec.Type == exempt) {
		errs = append(errs, field.Invalid(path.Child("type"), spec.Type, "must be 'Exempt' if and only if `name` is 'exempt'"))
	}
	switch {
	case spec.Type == exempt && spec.Exempt != nil:
		errs = append(errs, validateExempt(spec.Exempt, path.Child("exempt"))...)
	case spec.Type == limited && spec.Limited != nil:
		errs = append(errs, validateLimited(spec.Limited, path.Child("limited"))...)
	case spec.Type != "":
		errs = append(errs, check.OneOf(spec.Type, path.Child("type"), exempt, limited)...)
	}
	return errs
}

// validateMembers holds that the type of each union says which of its members is there.
func validateMembers(spec *flowcontrolv1.PriorityLevelConfigurationSpec, path *field.Path) (errs field.ErrorList) {
	member := func(wanted, there bool, path *field.Path) {
		switch {
		case wanted && !there:
			errs = append(errs, field.Required(path, ""))
		case !wanted && there:
			errs = append(errs, field.Forbidden(path, ""))
		}
	}
	if spec.Type != exempt { // which may leave it out
		member(false, spec.Exempt != nil, path.Child("exempt"))
	}
	member(spec.Type == limited, spec.Limited != nil, path.Child("limited"))
	member(true, spec.Type != "", path.Child("type"))
	if spec.Limited == nil {
		return errs
	}
	response, at := &spec.Limited.LimitResponse, path.Child("limited", "limitResponse")
	member(response.Type == queue, response.Queuing != nil, at.Child("queuing"))
	member(true, response.Type != "", at.Child("type"))
	return errs
}

func validateExempt(exempt *flowcontrolv1.ExemptPriorityLevelConfiguration, path *field.Path) (errs field.ErrorList) {
	if shares := ptr.Deref(exempt.NominalConcurrencyShares, 0); shares < 0 {
		errs = append(errs, field.Invalid(path.Child("nominalConcurrencyShares"), shares, "must be a non-negative integer"))
	}
	return append(errs, validateLendable(exempt.LendablePercent, path)...)
}

func validateLendable(percent *int32, path *field.Path) field.ErrorList {
	if percent == nil || *percent >= 0 && *percent <= 100 {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child("lendablePercent"), *percent, "must be between 0 and 100, inclusive")}
}

func validateLimited(limited *flowcontrolv1.LimitedPriorityLevelConfiguration, path *field.Path) (errs field.ErrorList) {
	if shares := ptr.Deref(limited.NominalConcurrencyShares, 0); shares < 0 {
		errs = append(errs, field.Invalid(path.Child("nominalConcurrencyShares"), shares, "must be a non-negative integer"))
	}
	errs = append(errs, validateResponse(&limited.LimitResponse, path.Child("limitResponse"))...)
	errs = append(errs, validateLendable(limited.LendablePercent, path)...)
	if percent := limited.BorrowingLimitPercent; percent != nil && *percent < 0 {
		errs = append(errs, field.Invalid(path.Child("borrowingLimitPercent"), *percent, "if specified, must be a non-negative integer"))
	}
	return errs
}

func validateResponse(response *flowcontrolv1.LimitResponse, path *field.Path) field.ErrorList {
	switch {
	case response.Type == queue && response.Queuing != nil:
		return validateQueuing(response.Queuing, path.Child("queuing"))
	case response.Type != "":
		return check.OneOf(response.Type, path.Child("type"), queue, reject)
	}
	return nil
}

// Bounds of a level's queues: how many there may be, and how many bits of a hash
// the choice of a hand among them may take.
const (
	maxQueues   = 10_000_000
	maxHashBits = 60
)

func validateQueuing(q *flowcontrolv1.QueuingConfiguration, path *field.Path) (errs field.ErrorList) {
	if q.QueueLengthLimit <= 0 {
		errs = append(errs, field.Invalid(path.Child("queueLengthLimit"), q.QueueLengthLimit, "must be positive"))
	}
	switch queues := path.Child("queues"); {
	case q.Queues <= 0:
		errs = append(errs, field.Invalid(queues, q.Queues, "must be positive"))
	case q.Queues > maxQueues:
		errs = append(errs, field.Invalid(queues, q.Queues, fmt.Sprintf("must not be greater than %d", maxQueues)))
	}
	bits := int(math.Ceil(math.Log2(float64(q.Queues)) * float64(q.HandSize)))
	switch hand := path.Child("handSize"); {
	case q.HandSize <= 0:
		errs = append(errs, field.Invalid(hand, q.HandSize, "must be positive"))
	case q.HandSize > q.Queues:
		errs = append(errs, field.Invalid(hand, q.HandSize, fmt.Sprintf("should not be greater than queues (%d)", q.Queues)))
	case bits > maxHashBits:
		errs = append(errs, field.Invalid(hand, q.HandSize,
			fmt.Sprintf("required entropy bits of deckSize %d and handSize %d should not be greater than %d", q.Queues, q.HandSize, maxHashBits)))
	}
	return errs
}
