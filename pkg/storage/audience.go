package storage

import (
	"slices"

	"k8s.io/apimachinery/pkg/fields"
)

// interest is a necessary condition for a watcher to care about a change: a field
// with a value, in the state before or after. The zero interest is everything.
//
// It is what keeps a thousand kubelets asleep while pods of other nodes change:
// a change wakes only the audiences whose interest it touches.
type interest struct{ field, value string }

// interestOf picks the most telling condition of a watch.
func (c *Collection) interestOf(namespace string, selector fields.Selector) interest {
	if selector != nil {
		for _, field := range slices.Concat([]string{fieldName}, c.resource.FieldNames, []string{fieldNamespace}) {
			if value, ok := selector.RequiresExactMatch(field); ok {
				return interest{field, value}
			}
		}
	}
	if namespace != "" {
		return interest{fieldNamespace, namespace}
	}
	return interest{}
}

// audience is the watchers of one interest. A collection's lock guards it.
type audience struct {
	interest interest
	members  []*Watcher
	signal   *signal // never nil; replaced when it fires
	marked   bool    // signal is about to fire
}

// signal fires at the first change that touches an audience after its watchers
// took the signal.
type signal struct {
	from uint64 // the ring's number of that change: what is before need not be looked at
}

// audiences are those of one collection, whose lock guards them.
type audiences struct {
	all     map[interest]*audience
	fields  map[string]int // how many audiences each field has; "" for those of everything
	waiting []*audience    // marked, to be woken; the feed's
}

func (a *audiences) join(i interest, w *Watcher) {
	if a.all == nil {
		a.all, a.fields = map[interest]*audience{}, map[string]int{}
	}
	au := a.all[i]
	if au == nil {
		au = &audience{interest: i, signal: &signal{}}
		a.all[i] = au
		a.fields[i.field]++
	}
	w.audience, w.seat = au, len(au.members)
	au.members = append(au.members, w)
}

func (a *audiences) leave(w *Watcher) {
	au, last := w.audience, len(w.audience.members)-1
	au.members[w.seat] = au.members[last]
	au.members[w.seat].seat = w.seat
	au.members[last] = nil
	if au.members = au.members[:last]; last > 0 {
		return
	}
	delete(a.all, au.interest)
	if a.fields[au.interest.field]--; a.fields[au.interest.field] == 0 {
		delete(a.fields, au.interest.field)
	}
}

// mark notes whom the change with the given number in the ring concerns.
func (a *audiences) mark(ch *change, number uint64) {
	for field := range a.fields {
		value := ""
		if field != "" {
			value = (*fieldView)(ch.record).Get(field)
		}
		a.markOne(interest{field, value}, number)
		if field == "" || ch.previous == nil {
			continue
		}
		if before := (*fieldView)(ch.previous).Get(field); before != value {
			a.markOne(interest{field, before}, number)
		}
	}
}

func (a *audiences) markOne(i interest, number uint64) {
	au := a.all[i]
	if au == nil || au.marked {
		return
	}
	au.marked, au.signal.from = true, number
	a.waiting = append(a.waiting, au)
}

// markAll is mark for a change that concerns everybody.
func (a *audiences) markAll(number uint64) {
	for i := range a.all {
		a.markOne(i, number)
	}
}

// fire fires the signals of the marked audiences, whose members are due.
func (a *audiences) fire() {
	for _, au := range a.waiting {
		au.signal, au.marked = &signal{}, false
	}
}

// due returns them.
func (a *audiences) due() []*Watcher {
	var watchers []*Watcher
	for _, au := range a.waiting {
		watchers = append(watchers, au.members...)
	}
	clear(a.waiting)
	a.waiting = a.waiting[:0]
	return watchers
}
