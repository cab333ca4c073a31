package admission

import (
	"slices"

	"slowmo/pkg/api"
)

// marked returns the class that one of the annotations says is the default: the
// youngest if there are several, and the first by name of those of one age. The
// zero T means that there is none.
func marked[T api.Object](classes []T, annotations ...string) (found T) {
	isDefault := func(class T) bool {
		return slices.ContainsFunc(annotations, func(name string) bool { return class.GetAnnotations()[name] == "true" })
	}
	for i, class := range slices.DeleteFunc(classes, func(class T) bool { return !isDefault(class) }) {
		if i == 0 || class.GetCreationTimestamp().After(found.GetCreationTimestamp().Time) {
			found = class
		}
	}
	return found
}
