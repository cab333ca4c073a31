package flowcontrol

import (
	"fmt"
	"math"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

func validatePriorityLevelUpdate(obj, _ api.Object) field.ErrorList {
	return validatePriorityLevel(obj)
}

func validatePriorityLevel(obj api.Object) field.ErrorList {
	level, path := obj.(*flowcontrolv1.PriorityLevelConfiguration), field.NewPath("spec")
	check := &levelCheck{}
	errs := check.spec(&level.Spec, level.Name, path)
	errs = append(errs, validateFixedLevel(level, path)...)
	errs = append(errs, validatePriorityLevelStatus(obj, nil)...)
	return append(errs, check.missing...)
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

// levelCheck validates a priority level.
type levelCheck struct {
	// missing are the errors that upstream reads off the tags of the types. They come last.
	missing field.ErrorList
}

func (c *levelCheck) require(path *field.Path) field.ErrorList {
	c.missing = append(c.missing, field.Required(path, ""))
	return nil
}

func (c *levelCheck) spec(spec *flowcontrolv1.PriorityLevelConfigurationSpec, name string, path *field.Path) (errs field.ErrorList) {
	const exempt, limited = flowcontrolv1.PriorityLevelEnablementExempt, flowcontrolv1.PriorityLevelEnablementLimited
	if (name == flowcontrolv1.PriorityLevelConfigurationNameExempt) != (spec.Type == exempt) {
		errs = append(errs, field.Invalid(path.Child("type"), spec.Type, "type must be 'Exempt' if and only if name is 'exempt'"))
	}
	switch spec.Type {
	case exempt:
		if spec.Limited != nil {
			errs = append(errs, field.Forbidden(path.Child("limited"), "must be nil if the type is not Limited"))
		}
		if spec.Exempt != nil {
			errs = append(errs, validateExempt(spec.Exempt, path.Child("exempt"))...)
		}
	case limited:
		if spec.Exempt != nil {
			errs = append(errs, field.Forbidden(path.Child("exempt"), "must be nil if the type is Limited"))
		}
		if spec.Limited == nil {
			return append(errs, c.require(path.Child("limited"))...)
		}
		errs = append(errs, c.limited(spec.Limited, path.Child("limited"))...)
	case "":
		errs = append(errs, c.require(path.Child("type"))...)
	default:
		errs = append(errs, field.NotSupported(path.Child("type"), spec.Type, []flowcontrolv1.PriorityLevelEnablement{exempt, limited}))
	}
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

func (c *levelCheck) limited(limited *flowcontrolv1.LimitedPriorityLevelConfiguration, path *field.Path) (errs field.ErrorList) {
	if shares := ptr.Deref(limited.NominalConcurrencyShares, 0); shares < 0 {
		errs = append(errs, field.Invalid(path.Child("nominalConcurrencyShares"), shares, "must be a non-negative integer"))
	}
	errs = append(errs, c.response(&limited.LimitResponse, path.Child("limitResponse"))...)
	errs = append(errs, validateLendable(limited.LendablePercent, path)...)
	if percent := limited.BorrowingLimitPercent; percent != nil && *percent < 0 {
		errs = append(errs, field.Invalid(path.Child("borrowingLimitPercent"), *percent, "if specified, must be a non-negative integer"))
	}
	return errs
}

func (c *levelCheck) response(response *flowcontrolv1.LimitResponse, path *field.Path) field.ErrorList {
	const queue, reject = flowcontrolv1.LimitResponseTypeQueue, flowcontrolv1.LimitResponseTypeReject
	queuing := path.Child("queuing")
	switch response.Type {
	case reject:
		if response.Queuing != nil {
			return field.ErrorList{field.Forbidden(queuing, "must be nil if limited.limitResponse.type is not Limited")}
		}
		return nil
	case queue:
		if response.Queuing == nil {
			return c.require(queuing)
		}
		return validateQueuing(response.Queuing, queuing)
	case "":
		return c.require(path.Child("type"))
	default:
		return field.ErrorList{field.NotSupported(path.Child("type"), response.Type, []flowcontrolv1.LimitResponseType{queue, reject})}
	}
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
