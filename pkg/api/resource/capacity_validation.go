package resource

import (
	"fmt"
	"math"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// capacities checks what a device has to give. Only one that several claims may
// share says how much of it a request gets.
func (c *check) capacities(d *resourcev1.Device, path *field.Path) {
	shared := d.AllowMultipleAllocations != nil && *d.AllowMultipleAllocations
	for _, name := range sortedKeys(d.Capacity) {
		capacity := d.Capacity[name]
		c.add(validateQualifiedName(string(name), path)...)
		policy, path := capacity.RequestPolicy, path.Key(shortened(string(name))).Child("requestPolicy")
		switch {
		case policy == nil:
		case !shared:
			c.add(field.Forbidden(path, "allowMultipleAllocations must be true"))
		case len(policy.ValidValues) > 0 && policy.ValidRange != nil:
			c.add(field.Forbidden(path, `exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time`))
		case len(policy.ValidValues) > 0 && policy.Default == nil:
			c.add(field.Required(path.Child("default"), "required when validValues is defined"))
		case len(policy.ValidValues) > 0:
			c.values(policy, capacity.Value, path.Child("validValues"))
		case policy.ValidRange != nil && policy.Default == nil:
			c.add(field.Required(path.Child("default"), "required when validRange is defined"))
		case policy.ValidRange != nil:
			r := &amountRange{CapacityRequestPolicyRange: policy.ValidRange, standard: *policy.Default, capacity: capacity.Value}
			c.add(r.validate(path.Child("validRange"))...)
		}
	}
}

// maxOptions bounds how many amounts may be listed.
const maxOptions = 10

// values checks the amounts that a request may get: in order, none twice, none
// above the capacity, and the default among them.
func (c *check) values(policy *resourcev1.CapacityRequestPolicy, capacity resource.Quantity, path *field.Path) {
	values := policy.ValidValues
	for i := 1; i < len(values); i++ {
		if values[i-1].Cmp(values[i]) > 0 {
			c.add(field.Invalid(path.Index(i), values[i].String(), "values must be sorted in ascending order"))
		}
	}
	found := false
	if fits(len(values), maxOptions, path, c.add) {
		for i, value := range values {
			if value.Cmp(capacity) > 0 {
				c.add(field.Invalid(path.Index(i), value.String(), fmt.Sprintf("option is larger than capacity value: %s", capacity.String())))
			}
			found = found || value.Cmp(*policy.Default) == 0
		}
		key := func(q resource.Quantity) int64 { return q.Value() }
		unique(values, key, func(q resource.Quantity) any { return fmt.Sprint(q.Value()) }, path, c.add)
	}
	if !found {
		c.add(field.Invalid(path, policy.Default.String(), "default value is not valid according to the requestPolicy"))
	}
}

// amountRange is a range of amounts, of which a request gets standard if it does not say.
type amountRange struct {
	*resourcev1.CapacityRequestPolicyRange
	standard, capacity resource.Quantity
}

func (r *amountRange) validate(path *field.Path) (errs field.ErrorList) {
	if r.Min == nil {
		return field.ErrorList{field.Required(path.Child("min"), "required when validRange is defined")}
	}
	above := func(a, b resource.Quantity, name string, shown resource.Quantity, message string) {
		if a.Cmp(b) > 0 {
			errs = append(errs, field.Invalid(path.Child(name), shown.String(), message))
		}
	}
	above(*r.Min, r.capacity, "min", *r.Min, "min is larger than capacity value: "+r.capacity.String())
	above(*r.Min, r.standard, "default", r.standard, "default is less than min: "+r.Min.String())
	if r.Max != nil {
		above(*r.Min, *r.Max, "max", *r.Min, "min is larger than max: "+r.Max.String())
		above(*r.Max, r.capacity, "max", *r.Max, "max is larger than capacity value: "+r.capacity.String())
		above(r.standard, *r.Max, "default", r.standard, "default is more than max: "+r.Max.String())
	}
	if r.Step != nil {
		errs = append(errs, r.validateStep(path)...)
	}
	return errs
}

func (r *amountRange) validateStep(path *field.Path) (errs field.ErrorList) {
	step := path.Child("step")
	if r.Step.Sign() <= 0 {
		return field.ErrorList{field.Invalid(step, r.Step.String(), "must be greater than zero")}
	}
	first := r.Min.DeepCopy()
	first.Add(*r.Step)
	if first.Cmp(r.capacity) > 0 {
		errs = append(errs, field.Invalid(step, r.Step.String(), fmt.Sprintf("one step %s is larger than capacity value: %s", first.String(), r.capacity.String())))
	}
	unsafe := r.validateIntegers(path)
	if len(unsafe) > 0 {
		return append(errs, unsafe...)
	}
	for _, q := range []*resource.Quantity{&r.standard, r.Max} {
		if q != nil && (q.Value()-r.Min.Value())%r.Step.Value() != 0 {
			errs = append(errs, field.Invalid(step, q.String(), fmt.Sprintf("value is not a multiple of a given step (%s) from (%s)", r.Step.String(), r.Min.String())))
		}
	}
	return errs
}

// validateIntegers checks that the arithmetic of steps can be done in 64 bits.
func (r *amountRange) validateIntegers(path *field.Path) (errs field.ErrorList) {
	for _, bound := range []struct {
		name  string
		value *resource.Quantity
	}{{"default", &r.standard}, {"min", r.Min}, {"max", r.Max}, {"step", r.Step}} {
		switch {
		case bound.value == nil:
		case bound.value.Sign() < 0:
			errs = append(errs, field.Invalid(path.Child(bound.name), bound.value.String(), apivalidation.IsNegativeErrorMsg))
		case bound.value.CmpInt64(math.MaxInt64) > 0:
			errs = append(errs, field.Invalid(path.Child(bound.name), bound.value.String(), "must not be larger than 9223372036854775807"))
		}
	}
	return errs
}
