package volumesource

import "k8s.io/apimachinery/pkg/util/validation/field"

// Exclusive checks the members of a union: fields of which exactly one is set,
// as the sources of a volume or the handlers of a probe.
type Exclusive struct {
	Path    *field.Path
	Message string // for a member beside the first
	Found   int
	Errs    field.ErrorList
}

// Several is the Message for volumes.
const Several = "may not specify more than 1 volume type"

// Check looks at one member; the first that is set is validated, any other is forbidden.
func (e *Exclusive) Check(name string, isSet bool, validate func(path *field.Path) field.ErrorList) {
	e.CheckAt(name, name, isSet, validate)
}

// CheckAt is Check for a member whose own errors are at another name.
func (e *Exclusive) CheckAt(name, within string, isSet bool, validate func(path *field.Path) field.ErrorList) {
	switch {
	case !isSet:
	case e.Found > 0:
		e.Errs = append(e.Errs, field.Forbidden(e.Path.Child(name), e.Message))
	default:
		e.Found++
		e.Errs = append(e.Errs, validate(e.Path.Child(within))...)
	}
}
