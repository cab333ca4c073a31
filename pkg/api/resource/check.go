package resource

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// check collects the errors of one object.
type check struct {
	errs   field.ErrorList
	tagged field.ErrorList // those that upstream reads off the tags of the types. They come last.
}

func (c *check) add(errs ...*field.Error) { c.errs = append(c.errs, errs...) }
func (c *check) tag(errs ...*field.Error) { c.tagged = append(c.tagged, errs...) }

func (c *check) all() field.ErrorList { return append(c.errs, c.tagged...) }

// fits reports whether a list or map is not too long, and notes it if it is. The
// elements of one that is are not looked at.
func fits(length, most int, path *field.Path, note func(...*field.Error)) bool {
	if length > most {
		note(field.TooMany(path, length, most))
		return false
	}
	return true
}

// unique notes the elements whose key an earlier one has.
func unique[T any, K comparable](list []T, key func(T) K, shown func(T) any, path *field.Path, note func(...*field.Error)) {
	seen := map[K]bool{}
	for i, element := range list {
		if seen[key(element)] {
			note(field.Duplicate(path.Index(i), shown(element)))
		}
		seen[key(element)] = true
	}
}

// same is a key or what is shown of an element that is either by itself.
func same[T any](element T) T { return element }

func asAny[T any](element T) any { return element }

// sortedKeys are the keys of a map, in an order that errors can come in.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// invalid turns problems of a value into errors of a field.
func invalid(value string, path *field.Path, problems []string) (errs field.ErrorList) {
	for _, problem := range problems {
		errs = append(errs, field.Invalid(path, value, problem))
	}
	return errs
}

// prefixed puts a text before the details of errors.
func prefixed(prefix string, errs field.ErrorList) field.ErrorList {
	for _, err := range errs {
		err.Detail = prefix + err.Detail
	}
	return errs
}
