package linear

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
)

// change is one of an object, as etcd has it.
type change struct {
	name          string
	revision      int64
	before, after string // values; "" if there is none
}

// history is all changes of all objects, in order.
type history struct {
	changes []change
	newest  int64 // revision of the store when it was read
}

// readHistory reads what happened to the config maps of namespace. The last
// change must not be a delete.
func readHistory(t *testing.T, client *clientv3.Client) history {
	t.Helper()
	prefix := "/registry/configmaps/" + namespace + "/"
	present, err := client.Get(t.Context(), prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for _, kv := range present.Kvs {
		last = max(last, kv.ModRevision)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h, values := history{newest: present.Header.Revision}, map[string]string{}
	for response := range client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(1)) {
		if err := response.Err(); err != nil {
			t.Fatal(err)
		}
		for _, e := range response.Events {
			c := change{name: strings.TrimPrefix(string(e.Kv.Key), prefix), revision: e.Kv.ModRevision}
			if e.Type == clientv3.EventTypePut {
				c.after = decodeValue(t, e.Kv.Value)
			}
			c.before, values[c.name] = values[c.name], c.after
			h.changes = append(h.changes, c)
			if c.revision == last {
				return h
			}
		}
	}
	t.Fatalf("etcd did not tell its history: %v", ctx.Err())
	return h
}

func decodeValue(t *testing.T, data []byte) string {
	t.Helper()
	obj, err := runtime.Decode(scheme.Codecs.UniversalDeserializer(), data)
	if err != nil {
		t.Fatal(err)
	}
	return obj.(*corev1.ConfigMap).Data["value"]
}

// at returns the objects that selector selects, as they were at revision.
func (h history) at(revision int64, selector selector) map[string]state {
	objects := map[string]state{}
	for _, c := range h.changes {
		if c.revision > revision {
			break
		}
		if delete(objects, c.name); selector.selects(c.name, c.after) {
			objects[c.name] = state{c.after, c.revision}
		}
	}
	return objects
}

// events returns what a watch with selector is to be sent after revision.
func (h history) events(revision int64, selector selector) (events []event) {
	for _, c := range h.changes {
		if c.revision <= revision {
			continue
		}
		e := event{name: c.name, value: c.after, revision: c.revision}
		switch before, after := selector.selects(c.name, c.before), selector.selects(c.name, c.after); {
		case !before && !after:
			continue
		case !before:
			e.kind = watch.Added
		case after:
			e.kind = watch.Modified
		default:
			e.kind, e.value = watch.Deleted, c.before
		}
		events = append(events, e)
	}
	return events
}

// selector narrows a list or a watch; the zero one selects all.
type selector struct {
	name   string // metadata.name
	parity string // the label
}

func (s selector) selects(name, value string) bool {
	return value != "" && (s.name == "" || s.name == name) && (s.parity == "" || s.parity == parity(value))
}

// parity is the label of an object with value, so that objects come and go for
// those who select by it.
func parity(value string) string {
	if strings.ContainsAny(value[len(value)-1:], "02468") {
		return "even"
	}
	return "odd"
}

// checkWrites says what of the acknowledged writes the history does not bear out.
func (h history) checkWrites(operations []operation) (faults []string) {
	byValue, tried := map[string]change{}, map[string]bool{}
	for i, c := range h.changes {
		if i > 0 && c.revision <= h.changes[i-1].revision {
			faults = append(faults, fmt.Sprintf("etcd: %v after %v", c, h.changes[i-1]))
		}
		if c.after != "" {
			if other, twice := byValue[c.after]; twice {
				faults = append(faults, fmt.Sprintf("%v repeats %v", c, other))
			}
			byValue[c.after] = c
		}
	}
	for _, o := range operations {
		if tried[o.request.value] = true; o.request.value == "" || o.answer.outcome == unknown {
			continue
		}
		c, written := byValue[o.request.value]
		if written != (o.answer.outcome == done) || written && (c.revision != o.version || c.name != o.name) {
			faults = append(faults, fmt.Sprintf("%v was answered with %v; etcd has %v", o.request, o.answer, c))
		}
	}
	for value, c := range byValue {
		if !tried[value] {
			faults = append(faults, fmt.Sprintf("nobody asked for %v", c))
		}
	}
	return append(faults, checkOrder(operations)...)
}

// checkOrder says which write got a version below that of one which ended before it began.
func checkOrder(operations []operation) (faults []string) {
	acknowledged := acknowledgements(operations)
	for _, o := range operations {
		if o.request.value == "" || o.answer.outcome != done {
			continue
		}
		if before := acknowledged.before(o.sent); before.version >= o.version {
			faults = append(faults, fmt.Sprintf("%v got version %d after %v had got %d", o.request, o.version, before.request, before.version))
		}
	}
	return faults
}

// acknowledged are writes in the order of their answers, each with the highest
// version up to it.
type acknowledged []operation

func acknowledgements(operations []operation) acknowledged {
	var list acknowledged
	for _, o := range operations {
		if o.request.value != "" && o.answer.outcome == done {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return int(a.answered - b.answered) })
	for i := range list {
		if i > 0 && list[i-1].version > list[i].version {
			list[i] = operation{request: list[i-1].request, answer: list[i-1].answer, answered: list[i].answered}
		}
	}
	return list
}

// before returns the write with the highest version of those answered before time.
func (a acknowledged) before(time int64) operation {
	i, _ := slices.BinarySearchFunc(a, time, func(o operation, time int64) int { return int(o.answered - time) })
	if i == 0 {
		return operation{}
	}
	return a[i-1]
}
