package api

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Parts are the two halves of an object: the spec, which says what should be and
// whose changes are counted as generations, and the status, which says what is and
// which only the status subresource writes.
//
// https://kubernetes.io/docs/concepts/overview/working-with-objects/#object-spec-and-status
type Parts[T Object, Spec, State any] struct {
	of func(T) (*Spec, *State)
}

// PartsOf returns the parts of a kind. of finds them in an object; the status is nil
// where the kind has none.
func PartsOf[T Object, Spec, State any](of func(T) (*Spec, *State)) Parts[T, Spec, State] {
	return Parts[T, Spec, State]{of}
}

// NoStatus is the status of a kind that has none.
type NoStatus struct{}

// PrepareCreate is that of a Resource.
func (p Parts[T, Spec, State]) PrepareCreate(_ context.Context, obj Object) {
	obj.SetGeneration(1)
	if _, status := p.of(obj.(T)); status != nil {
		*status = *new(State)
	}
}

// PrepareUpdate is that of a Resource.
func (p Parts[T, Spec, State]) PrepareUpdate(_ context.Context, obj, old Object) {
	spec, status := p.of(obj.(T))
	before, was := p.of(old.(T))
	if status != nil {
		*status = *was
	}
	if !equality.Semantic.DeepEqual(spec, before) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

// Status is the function of the same name, for a write that takes all of the status.
func (p Parts[T, Spec, State]) Status(validate func(obj, old Object) field.ErrorList) Subresource {
	return Status(p.putStatus, validate)
}

// StatusAlone is Status for a kind whose metadata such a write leaves as they are.
func (p Parts[T, Spec, State]) StatusAlone(validate func(obj, old Object) field.ErrorList) Subresource {
	return StatusAlone(p.putStatus, validate)
}

func (p Parts[T, Spec, State]) putStatus(_ context.Context, to, from T) {
	_, status := p.of(to)
	_, said := p.of(from)
	*status = *said
}
