package linear

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// verb is what a request does to one object.
type verb string

const (
	get    verb = "get"
	touch  verb = "touch" // a patch that changes nothing
	create verb = "create"
	update verb = "update"
	patch  verb = "patch" // a merge patch
	swap   verb = "swap"  // a JSON patch that tests the value first
	apply  verb = "apply" // server-side, by force
	remove verb = "delete"
)

// request is one to the object called name. No two requests write the same value.
type request struct {
	verb  verb
	name  string
	value string // to be written
	guard int64  // resourceVersion that the object must have; 0 is none
	test  string // value that a swap expects
}

// outcome is how a request ended.
type outcome string

const (
	done     outcome = "done"
	notFound outcome = "not found"
	exists   outcome = "exists"
	conflict outcome = "conflict"
	differs  outcome = "differs" // a swap met another value
	unknown  outcome = "unknown" // no answer came: it may have happened, may still happen, or never
)

// answer is what came back: the object's value and resourceVersion, if it did.
type answer struct {
	outcome outcome
	value   string
	version int64
}

// state is an object's. version is 0 if nobody has been told it; of an object that
// is not there it is a version that it had.
type state struct {
	value   string // "" if the object is not there
	version int64
}

// expect says how a request to an object in this state must end.
func (s state) expect(r request) outcome {
	switch {
	case r.verb == create && s.value != "":
		return exists
	case r.verb == create, r.verb == apply:
		return done
	case s.value == "":
		return notFound
	case r.guard != 0 && r.guard != s.version: // whoever knows a version has been told it
		return conflict
	case r.test != "" && r.test != s.value:
		return differs
	}
	return done
}

// after returns the state after a request that was done, and whether the answer fits.
func (s state) after(r request, a answer) (state, bool) {
	switch r.verb {
	case get, touch:
		return state{s.value, a.version}, a.value == s.value && (s.version == 0 || a.version == s.version)
	case remove:
		return state{"", s.version}, true
	}
	return state{r.value, a.version}, a.value == r.value && a.version > s.version
}

// model is one object; each is checked by itself.
var model = porcupine.Model{
	Partition: byName,
	Init:      func() any { return state{} },
	Step: func(s, input, output any) (bool, any) {
		now, r, a := s.(state), input.(request), output.(answer)
		want := now.expect(r)
		if a.outcome == unknown {
			if want == done {
				now, _ = now.after(r, answer{value: r.value})
			}
			return true, now
		}
		if a.outcome != want {
			return false, now
		}
		if want != done {
			return true, now
		}
		next, fits := now.after(r, a)
		return fits, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v -> %v", input, output) },
	DescribeState:     func(s any) string { return fmt.Sprint(s) },
}

func byName(operations []porcupine.Operation) (parts [][]porcupine.Operation) {
	index := map[string]int{}
	for _, o := range operations {
		name := o.Input.(request).name
		i, ok := index[name]
		if !ok {
			i = len(parts)
			index[name], parts = i, append(parts, nil)
		}
		parts[i] = append(parts[i], o)
	}
	return parts
}
