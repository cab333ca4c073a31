package linear

import (
	"testing"

	"github.com/anishathalye/porcupine"
	"k8s.io/apimachinery/pkg/watch"
)

// happened is a small history: a comes, changes and goes, b stays.
var happened = history{newest: 10, changes: []change{
	{"a", 2, "", "v1"}, {"a", 4, "v1", "v2"}, {"b", 6, "", "v3"}, {"a", 8, "v2", ""},
}}

func added(name, value string, revision int64) event {
	return event{kind: watch.Added, name: name, value: value, revision: revision}
}

func bookmark(revision int64, end bool) event {
	return event{kind: watch.Bookmark, revision: revision, end: end}
}

// TestWatchesAreJudged: each way to send the wrong thing is seen.
func TestWatchesAreJudged(t *testing.T) {
	changed := event{kind: watch.Modified, name: "a", value: "v2", revision: 4}
	gone := event{kind: watch.Deleted, name: "a", value: "v2", revision: 8}
	left := event{kind: watch.Deleted, name: "a", value: "v1", revision: 4}
	all := []event{added("a", "v1", 2), changed, added("b", "v3", 6), gone}
	for _, c := range []struct {
		name string
		s    session
		good bool
	}{
		{"all", session{from: after, events: all}, true},
		{"cut short", session{from: after, events: all[:2]}, true},
		{"later", session{from: after, version: 4, events: all[2:]}, true},
		{"twice", session{from: after, events: []event{all[0], all[0]}}, false},
		{"missing", session{from: after, events: []event{all[0], all[2]}}, false},
		{"out of order", session{from: after, events: []event{all[0], all[2], all[1]}}, false},
		{"seen before", session{from: after, version: 2, events: all}, false},
		{"as the selector sees it", session{from: after, selector: selector{parity: "odd"}, events: []event{all[0], left, all[2]}}, true},
		{"what the selector left", session{from: after, selector: selector{parity: "odd"}, events: all}, false},
		{"bookmark", session{from: after, events: []event{all[0], bookmark(3, false), changed}}, true},
		{"bookmark too early", session{from: after, events: []event{all[0], bookmark(4, false), changed}}, false},
		{"bookmark that goes back", session{from: after, events: []event{all[0], changed, bookmark(3, false)}}, false},
		{"bookmark of the future", session{from: after, events: append(all[:4:4], bookmark(11, false))}, false},
		{"bookmark of no state", session{from: after, events: []event{bookmark(1, true)}}, false},
		{"state", session{from: present, events: []event{added("a", "v2", 4), all[2], gone}}, true},
		{"state that never was", session{from: present, events: []event{all[0], all[2], gone}}, false},
		{"stream", session{from: stream, events: []event{added("a", "v2", 4), bookmark(5, true), all[2]}}, true},
		{"stream without its bookmark", session{from: stream, events: []event{added("a", "v2", 4), bookmark(5, false), all[2]}}, false},
		{"stream of another state", session{from: stream, events: []event{added("a", "v2", 4), bookmark(6, true), gone}}, false},
		{"expired though it was there", session{from: after, version: 5, floor: 5, expired: true}, false},
		{"expired", session{from: after, version: 4, floor: 5, expired: true}, true},
	} {
		if faults := c.s.check(happened, nil); (len(faults) == 0) != c.good {
			t.Errorf("%s: %v", c.name, faults)
		}
	}
	late := acknowledged{{request: request{value: "v2"}, answer: answer{done, "v2", 4}, answered: 1}}
	stale := session{from: present, sent: 2, events: []event{all[0], changed}}
	if faults := stale.check(happened, late); len(faults) == 0 {
		t.Error("a watch began before a write that was acknowledged")
	}
}

// TestWritesAndListsAreJudged: so is each wrong answer to a write or a list.
func TestWritesAndListsAreJudged(t *testing.T) {
	write := func(value string, version, sent, answered int64) operation {
		return operation{request: request{verb: update, name: "a", value: value}, answer: answer{done, value, version}, sent: sent, answered: answered}
	}
	lost := operation{request: request{verb: create, name: "b", value: "v3"}, answer: answer{outcome: unknown}}
	for _, c := range []struct {
		name string
		list []operation
		good bool
	}{
		{"as it was", []operation{write("v1", 2, 1, 2), write("v2", 4, 3, 4), lost}, true},
		{"another version", []operation{write("v1", 3, 1, 2), write("v2", 4, 3, 4), lost}, false},
		{"lost", []operation{write("v1", 2, 1, 2), write("v2", 4, 3, 4), lost, write("v9", 9, 5, 6)}, false},
		{"by nobody", []operation{write("v1", 2, 1, 2), write("v2", 4, 3, 4)}, false},
		{"in another order", []operation{write("v2", 4, 1, 2), write("v1", 2, 3, 4), lost}, false},
	} {
		if faults := happened.checkWrites(c.list); (len(faults) == 0) != c.good {
			t.Errorf("%s: %v", c.name, faults)
		}
	}
	seen := acknowledged{{request: request{value: "v3"}, answer: answer{done, "v3", 6}, answered: 1}}
	both := map[string]state{"a": {"v2", 4}, "b": {"v3", 6}}
	for _, c := range []struct {
		name string
		l    listing
		good bool
	}{
		{"as it was", listing{fresh: true, sent: 2, version: 7, objects: both}, true},
		{"stale", listing{fresh: true, sent: 2, version: 5, objects: map[string]state{"a": {"v2", 4}}}, false},
		{"of two times", listing{version: 9, objects: both}, false},
		{"too old", listing{atLeast: 8, version: 7, objects: both}, false},
		{"not that one", listing{exact: 6, version: 7, objects: both}, false},
	} {
		if faults := c.l.check(happened, seen); (len(faults) == 0) != c.good {
			t.Errorf("list %s: %v", c.name, faults)
		}
	}
}

// TestModel: what porcupine must and must not accept.
func TestModel(t *testing.T) {
	put := request{verb: create, name: "a", value: "v1"}
	read := request{verb: get, name: "a"}
	for _, c := range []struct {
		name string
		list []porcupine.Operation
		want porcupine.CheckResult
	}{
		{"read what was written", []porcupine.Operation{
			{Input: put, Output: answer{done, "v1", 2}, Call: 1, Return: 2}, {Input: read, Output: answer{done, "v1", 2}, Call: 3, Return: 4}}, porcupine.Ok},
		{"stale", []porcupine.Operation{
			{Input: put, Output: answer{done, "v1", 2}, Call: 1, Return: 2}, {Input: read, Output: answer{outcome: notFound}, Call: 3, Return: 4}}, porcupine.Illegal},
		{"at the same time", []porcupine.Operation{
			{Input: put, Output: answer{done, "v1", 2}, Call: 1, Return: 4}, {Input: read, Output: answer{outcome: notFound}, Call: 2, Return: 3}}, porcupine.Ok},
		{"unknown and seen", []porcupine.Operation{
			{Input: put, Output: answer{outcome: unknown}, Call: 1, Return: 9}, {Input: read, Output: answer{done, "v1", 2}, Call: 3, Return: 4}}, porcupine.Ok},
		{"unknown and undone", []porcupine.Operation{
			{Input: put, Output: answer{outcome: unknown}, Call: 1, Return: 9}, {Input: read, Output: answer{done, "v1", 2}, Call: 3, Return: 4},
			{Input: read, Output: answer{outcome: notFound}, Call: 5, Return: 6}}, porcupine.Illegal},
		{"guard that should have held", []porcupine.Operation{
			{Input: put, Output: answer{done, "v1", 2}, Call: 1, Return: 2},
			{Input: request{verb: update, name: "a", value: "v2", guard: 2}, Output: answer{outcome: conflict}, Call: 3, Return: 4}}, porcupine.Illegal},
		{"guard that should have stopped it", []porcupine.Operation{
			{Input: put, Output: answer{done, "v1", 2}, Call: 1, Return: 2},
			{Input: request{verb: update, name: "a", value: "v2", guard: 1}, Output: answer{done, "v2", 3}, Call: 3, Return: 4}}, porcupine.Illegal},
	} {
		if got := porcupine.CheckOperationsTimeout(model, c.list, 0); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
