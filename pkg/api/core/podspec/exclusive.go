package podspec

import "k8s.io/apimachinery/pkg/util/validation/field"

// exclusive checks the members of a union: fields of which exactly one is set,
// as the sources of a volume or the handlers of a probe.
type exclusive struct {
	path    *field.Path
	message string // for a member beside the first
	found   int
	errs    field.ErrorList
}

// check looks at one member; the first that is set is validated, any other is forbidden.
func (e *exclusive) check(name string, isSet bool, validate func(path *field.Path) field.ErrorList) {
	switch path := e.path.Child(name); {
	case !isSet:
	case e.found > 0:
		e.errs = append(e.errs, field.Forbidden(path, e.message))
	default:
		e.found++
		e.errs = append(e.errs, validate(path)...)
	}
}

const severalVolumes = "may not specify more than 1 volume type"
