package fairness

import "slices"

// dispatcher knows who has a seat and who waits for one. It has no lock, clock or
// goroutine: its owner calls it with one event at a time.
type dispatcher struct {
	seats  int
	levels []*level

	// promised is the seats in use and, of levels that use fewer than they
	// reserve, those kept for them: the sum over the levels of max(running,
	// reserved). It is never more than seats.
	promised int
	arrivals int // numbers tickets
}

// level is the requests of one level.
type level struct {
	name     string
	nominal  int // seats by its share
	reserved int // of them, what others may not use
	running  int
	waiting  int
	flows    map[string]*flow // of those who have a ticket
}

// flow is the requests of one user within a level.
type flow struct {
	level   *level
	name    string
	running int
	queue   []*ticket // oldest first
}

// ticket is one request's.
type ticket struct {
	flow    *flow
	arrival int
	start   chan struct{} // closed when the request may run
	running bool
}

// Bounds of the queues: what one user and what one level can have waiting.
const (
	flowQueue  = 200
	levelQueue = 3000
)

// newDispatcher shares seats between the levels. Each reserves one at least, so
// the smallest server has as many seats as levels.
func newDispatcher(seats int, shares []share) *dispatcher {
	d, sum := &dispatcher{}, 0
	for _, s := range shares {
		sum += s.shares
	}
	for _, s := range shares {
		own := seats * s.shares
		d.levels = append(d.levels, &level{name: s.name, flows: map[string]*flow{},
			nominal:  max(1, (own+sum-1)/sum),
			reserved: max(1, own*(100-s.lends)/(100*sum))})
		d.promised += d.levels[len(d.levels)-1].reserved
	}
	d.seats = max(seats, d.promised)
	return d
}

func (d *dispatcher) level(name string) *level {
	return d.levels[slices.IndexFunc(d.levels, func(l *level) bool { return l.name == name })]
}

// arrive takes a request in. The ticket runs at once if there is a seat for it.
// It is nil when the queue is full.
func (d *dispatcher) arrive(l *level, user string) *ticket {
	f := l.flows[user]
	if f == nil {
		f = &flow{level: l, name: user}
	}
	if len(f.queue) >= flowQueue || l.waiting >= levelQueue {
		return nil
	}
	l.flows[user] = f
	d.arrivals++
	t := &ticket{flow: f, arrival: d.arrivals, start: make(chan struct{})}
	f.queue = append(f.queue, t)
	l.waiting++
	d.dispatch()
	return t
}

// leave takes a request out, whether it ran or gave up waiting.
func (d *dispatcher) leave(t *ticket) {
	f := t.flow
	if t.running {
		f.running--
		f.level.running--
		if f.level.running >= f.level.reserved {
			d.promised--
		}
	} else {
		f.queue = slices.DeleteFunc(f.queue, func(other *ticket) bool { return other == t })
		f.level.waiting--
	}
	if f.running == 0 && len(f.queue) == 0 {
		delete(f.level.flows, f.name)
	}
	d.dispatch()
}

// dispatch gives seats away until there is none for anybody who waits.
func (d *dispatcher) dispatch() {
	for {
		l := d.next()
		if l == nil {
			return
		}
		f := l.next()
		t := f.queue[0]
		f.queue = f.queue[1:]
		if l.running >= l.reserved {
			d.promised++
		}
		l.waiting--
		l.running++
		f.running++
		t.running = true
		close(t.start)
	}
}

// next is the level whose turn it is: of those with a request that fits, the one
// that uses the least of its own seats.
func (d *dispatcher) next() (best *level) {
	for _, l := range d.levels {
		if l.waiting == 0 || l.running >= l.reserved && d.promised >= d.seats {
			continue
		}
		if best == nil || l.running*best.nominal < best.running*l.nominal {
			best = l
		}
	}
	return best
}

// next is the flow whose turn it is: of those that wait, the one with the fewest
// seats, and of several the one that waits longest.
func (l *level) next() (best *flow) {
	for _, f := range l.flows {
		if len(f.queue) == 0 {
			continue
		}
		if best == nil || f.running < best.running || f.running == best.running && f.queue[0].arrival < best.queue[0].arrival {
			best = f
		}
	}
	return best
}
