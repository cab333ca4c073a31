package linear

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const namespace = "default"

// names are of the objects that all clients fight for.
var names = []string{"obj-0", "obj-1", "obj-2", "obj-3"}

// operation is a request as the client saw it.
type operation struct {
	request
	answer
	client         int
	sent, answered int64 // nanoseconds since the recorder's start
}

// listing is an answer to a list, whole or in pages.
type listing struct {
	selector
	what           string // how it was asked for
	atLeast, exact int64  // versions that the list may not be older than, or must be of
	fresh          bool   // it must show all that was acknowledged before it was sent
	version        int64
	objects        map[string]state
	sent           int64
}

// recorder takes down what all clients did.
type recorder struct {
	start time.Time

	mu         sync.Mutex
	operations []operation
	listings   []listing
	sessions   []*session
	progress   chan struct{} // has room for every operation

	over atomic.Int64 // a version that is written when all clients have ended; 0 before
}

func (r *recorder) now() int64 { return int64(time.Since(r.start)) }

func (r *recorder) operation(o operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.operations = append(r.operations, o)
	select {
	case r.progress <- struct{}{}:
	default:
	}
}

// porcupine returns the operations in the checker's form. One of which no answer
// came may still happen at any time.
func (r *recorder) porcupine() (list []porcupine.Operation) {
	end := r.now()
	for _, o := range r.operations {
		if o.answer.outcome == unknown {
			o.answered = end
		}
		list = append(list, porcupine.Operation{ClientId: o.client, Input: o.request, Output: o.answer, Call: o.sent, Return: o.answered})
	}
	return list
}

// client sends random requests, one at a time.
type client struct {
	id      int
	random  *rand.Rand
	servers []*server
	*recorder

	count int              // of values made
	known map[string]state // what it last saw of each object
}

// run sends count requests, each to any server that is up.
func (c *client) run(ctx context.Context, count int) error {
	for range count {
		s, err := anyUp(ctx, c.random, c.servers)
		if err != nil {
			return err
		}
		if c.random.IntN(8) == 0 {
			err = c.list(ctx, s)
		} else {
			err = c.send(ctx, s, c.next())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// next makes up a request.
func (c *client) next() request {
	r := request{name: names[c.random.IntN(len(names))]}
	verbs := []verb{get, get, touch, create, create, update, update, update, patch, patch, swap, swap, apply, remove, remove}
	r.verb = verbs[c.random.IntN(len(verbs))]
	last, guarded := c.known[r.name], c.random.IntN(2) == 0
	if guarded && r.verb != create && r.verb != apply && r.verb != swap {
		r.guard = last.version
	}
	switch r.verb {
	case get, touch:
		r.guard = 0
	case remove:
	case swap:
		r.test = last.value
		fallthrough
	default:
		c.count++
		r.value = fmt.Sprintf("c%d-%d", c.id, c.count)
	}
	if r.verb == swap && r.test == "" {
		r.verb = patch
	}
	return r
}

// send makes a request and records how it ended.
func (c *client) send(ctx context.Context, s *server, r request) error {
	o := operation{request: r, client: c.id, sent: c.now()}
	obj, err := c.do(ctx, s, r)
	o.answered = c.now()
	if o.answer.outcome, err = outcomeOf(r, err); err != nil {
		return fmt.Errorf("client %d: %v: %w", c.id, r, err)
	}
	switch {
	case o.answer.outcome == "": // it did not leave this process
		return nil
	case o.answer.outcome == unknown && r.value == "" && r.verb != remove:
		return nil // a read of which we know nothing
	case o.answer.outcome == done && obj != nil:
		seen, err := stateOf(obj)
		if err != nil {
			return err
		}
		o.answer.value, o.version = seen.value, seen.version
		c.known[r.name] = seen
	}
	c.operation(o)
	return nil
}

// do sends r by client-go.
func (c *client) do(ctx context.Context, s *server, r request) (*corev1.ConfigMap, error) {
	maps := s.client(c.id).CoreV1().ConfigMaps(namespace)
	obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: r.name}}
	if r.value != "" {
		obj.Data, obj.Labels = map[string]string{"value": r.value}, map[string]string{"parity": parity(r.value)}
	}
	if r.guard != 0 {
		obj.ResourceVersion = strconv.FormatInt(r.guard, 10)
	}
	switch r.verb {
	case get:
		return maps.Get(ctx, r.name, metav1.GetOptions{})
	case touch:
		return maps.Patch(ctx, r.name, types.MergePatchType, []byte("{}"), metav1.PatchOptions{})
	case create:
		return maps.Create(ctx, obj, metav1.CreateOptions{})
	case update:
		return maps.Update(ctx, obj, metav1.UpdateOptions{})
	case patch:
		return maps.Patch(ctx, r.name, types.MergePatchType, encode(obj), metav1.PatchOptions{})
	case swap:
		operations := fmt.Sprintf(`[{"op":"test","path":"/data/value","value":%q},{"op":"replace","path":"/data/value","value":%q},{"op":"replace","path":"/metadata/labels/parity","value":%q}]`,
			r.test, r.value, parity(r.value))
		return maps.Patch(ctx, r.name, types.JSONPatchType, []byte(operations), metav1.PatchOptions{})
	case apply:
		obj.APIVersion, obj.Kind = "v1", "ConfigMap"
		return maps.Patch(ctx, r.name, types.ApplyPatchType, encode(obj), metav1.PatchOptions{FieldManager: fmt.Sprintf("c%d", c.id), Force: new(true)})
	}
	options := metav1.DeleteOptions{}
	if r.guard != 0 {
		options.Preconditions = &metav1.Preconditions{ResourceVersion: &obj.ResourceVersion}
	}
	return nil, maps.Delete(ctx, r.name, options)
}

func encode(obj *corev1.ConfigMap) []byte {
	data, _ := json.Marshal(obj) // no config map fails
	return data
}

func stateOf(obj *corev1.ConfigMap) (state, error) {
	version, err := strconv.ParseInt(obj.ResourceVersion, 10, 64)
	return state{obj.Data["value"], version}, err
}

// outcomeOf says how a request ended; nothing at all if it was never sent. An
// answer that no client should get is an error.
func outcomeOf(r request, err error) (outcome, error) {
	var refused *net.OpError
	switch {
	case err == nil:
		return done, nil
	case apierrors.IsNotFound(err):
		return notFound, nil
	case apierrors.IsAlreadyExists(err):
		return exists, nil
	case apierrors.IsConflict(err):
		return conflict, nil
	case apierrors.IsInvalid(err) && r.verb == swap:
		return differs, nil
	case errors.As(err, &refused) && refused.Op == "dial":
		return "", nil
	case apierrors.ReasonForError(err) == metav1.StatusReasonUnknown && !errors.As(err, new(apierrors.APIStatus)):
		return unknown, nil
	}
	return "", err
}

// list reads all objects in one of the ways that there are.
func (c *client) list(ctx context.Context, s *server) error {
	l := listing{sent: c.now(), selector: anySelector(c.random)}
	options := metav1.ListOptions{}
	last := c.known[names[c.random.IntN(len(names))]].version
	switch way := c.random.IntN(6); {
	case way == 0:
		l.what, options.ResourceVersion = "any", "0"
	case way == 1 && last > 0:
		l.what, l.atLeast, options.ResourceVersion = "not older than", last, strconv.FormatInt(last, 10)
		options.ResourceVersionMatch = metav1.ResourceVersionMatchNotOlderThan
	case way == 2 && last > 0:
		l.what, l.exact, options.ResourceVersion = "exact", last, strconv.FormatInt(last, 10)
		options.ResourceVersionMatch = metav1.ResourceVersionMatchExact
	case way == 3:
		l.what, l.fresh, options.Limit = "pages", true, 1+c.random.Int64N(3)
	default:
		l.what, l.fresh = "consistent", true
	}
	l.set(&options)
	objects, version, err := c.pages(ctx, s, options)
	if outcome, err := outcomeOf(request{}, err); err != nil || outcome != done {
		return err
	}
	l.objects, l.version = objects, version
	c.mu.Lock()
	c.listings = append(c.listings, l)
	c.mu.Unlock()
	if !l.fresh || l.selector != (selector{}) {
		return nil
	}
	// A consistent list is a read of each object.
	for _, name := range names {
		o := operation{request: request{verb: get, name: name}, client: c.id, sent: l.sent, answered: c.now()}
		o.answer = answer{outcome: notFound}
		if seen, ok := objects[name]; ok {
			o.answer = answer{done, seen.value, seen.version}
			c.known[name] = seen
		}
		c.operation(o)
	}
	return nil
}

// pages follows the continue tokens of a list to its end.
func (c *client) pages(ctx context.Context, s *server, options metav1.ListOptions) (objects map[string]state, version int64, err error) {
	objects = map[string]state{}
	for {
		page, err := s.client(c.id).CoreV1().ConfigMaps(namespace).List(ctx, options)
		if err != nil {
			return nil, 0, err
		}
		for _, item := range page.Items {
			if objects[item.Name], err = stateOf(&item); err != nil {
				return nil, 0, err
			}
		}
		if options.Continue, options.ResourceVersion = page.Continue, ""; page.Continue == "" {
			version, err = strconv.ParseInt(page.ResourceVersion, 10, 64)
			return objects, version, err
		}
		options.ResourceVersionMatch = ""
	}
}

// set narrows options.
func (s selector) set(options *metav1.ListOptions) {
	if s.name != "" {
		options.FieldSelector = "metadata.name=" + s.name
	}
	if s.parity != "" {
		options.LabelSelector = "parity=" + s.parity
	}
}

func anySelector(random *rand.Rand) selector {
	switch random.IntN(4) {
	case 0:
		return selector{name: names[random.IntN(len(names))]}
	case 1:
		return selector{parity: "even"}
	case 2:
		return selector{parity: "odd"}
	}
	return selector{}
}

// check says what the list shows that was not so.
func (l listing) check(h history, acknowledged acknowledged) (faults []string) {
	if l.version < l.atLeast || l.exact != 0 && l.version != l.exact {
		faults = append(faults, fmt.Sprintf("list %s %v is of version %d; asked for %d", l.what, l.selector, l.version, l.atLeast+l.exact))
	}
	if before := acknowledged.before(l.sent); l.fresh && l.version < before.version {
		faults = append(faults, fmt.Sprintf("list %s %v is of version %d after %v had got %d", l.what, l.selector, l.version, before.request, before.version))
	}
	if want := h.at(l.version, l.selector); fmt.Sprint(want) != fmt.Sprint(l.objects) {
		faults = append(faults, fmt.Sprintf("list %s %v at version %d:\n\tgot  %v\n\twant %v", l.what, l.selector, l.version, l.objects, want))
	}
	return faults
}
