package fairness

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var two = []share{{"high", 1, 0}, {"low", 3, 100}}

// play runs a script of "+level/user" arrivals and "-level/user" departures of
// the user's oldest running request, and says who runs afterwards.
func play(d *dispatcher, script string) string {
	var tickets []*ticket
	full := 0
	for _, word := range strings.Fields(script) {
		name, user, _ := strings.Cut(word[1:], "/")
		if word[0] == '+' {
			if t := d.arrive(d.level(name), user); t != nil {
				tickets = append(tickets, t)
			} else {
				full++
			}
			continue
		}
		i := slices.IndexFunc(tickets, func(t *ticket) bool { return t.running && t.flow.name == user })
		d.leave(tickets[i])
		tickets = slices.Delete(tickets, i, i+1)
	}
	running := map[string]int{}
	for _, t := range tickets {
		if t.running {
			running[t.flow.level.name+"/"+t.flow.name]++
		}
	}
	if full > 0 {
		running["full"] = full
	}
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(running), "map["), "]")
}

func TestDispatcher(t *testing.T) {
	many := func(word string, n int) string { return strings.Repeat(word+" ", n) }
	for _, tt := range []struct{ name, script, want string }{
		{"there is room", "+low/a +low/b", "low/a:1 low/b:1"},
		{"a level reserves seats", many("+low/a", 9), "low/a:6"},
		{"that others find free", many("+low/a", 9) + "+high/b +high/b", "high/b:2 low/a:6"},
		{"a level uses free seats", many("+high/a", 9), "high/a:7"},
		{"and the other keeps one", many("+high/a", 9) + "+low/b +low/b", "high/a:7 low/b:1"},
		{"a flood waits behind a single request", many("+low/a", 9) + "+low/b -low/a", "low/a:5 low/b:1"},
		{"two floods share", many("+low/a", 9) + many("+low/b", 9) + many("-low/a", 3), "low/a:3 low/b:3"},
		{"as many have the same", many("+low/a", 9) + "+low/b +low/c -low/a -low/a", "low/a:4 low/b:1 low/c:1"},
		{"the queue of one user is bounded", many("+low/a", flowQueue+9), "full:3 low/a:6"},
		{"not that of another", many("+low/a", flowQueue+9) + "+low/b -low/a", "full:3 low/a:5 low/b:1"},
	} {
		if got := play(newDispatcher(8, two), tt.script); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestSeats(t *testing.T) {
	d := newDispatcher(735, shares)
	var got []string
	for _, l := range d.levels {
		got = append(got, fmt.Sprintf("%s %d/%d", l.name, l.nominal, l.reserved))
	}
	want := "node-high 120/90 system 90/60 leader-election 30/30 workload-high 120/60 workload-low 300/30 global-default 60/30 catch-all 15/15"
	if strings.Join(got, " ") != want {
		t.Errorf("%s", got)
	}
	if d := newDispatcher(1, shares); d.seats != len(shares) {
		t.Errorf("the smallest server has %d seats, want one a level", d.seats)
	}
}

// Whatever comes: the sums are right, no seat is given twice, and nobody waits
// while there is a seat for them.
func TestDispatcherKeepsItsPromises(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := newDispatcher(20, shares)
	var tickets []*ticket
	for range 20000 {
		if random.IntN(2) == 0 || len(tickets) == 0 {
			l := d.levels[random.IntN(len(d.levels))]
			if t := d.arrive(l, fmt.Sprint(random.IntN(4))); t != nil {
				tickets = append(tickets, t)
			}
		} else {
			i := random.IntN(len(tickets))
			d.leave(tickets[i])
			tickets = slices.Delete(tickets, i, i+1)
		}
		promised, running, waiting := 0, 0, 0
		for _, l := range d.levels {
			promised += max(l.running, l.reserved)
			running += l.running
			waiting += l.waiting
			if l.waiting > 0 && l.running < l.reserved {
				t.Fatalf("%s waits for a seat of its own", l.name)
			}
		}
		if promised != d.promised || promised > d.seats || running+waiting != len(tickets) || waiting > 0 && promised < d.seats {
			t.Fatalf("promised %d (counted %d) of %d, %d run, %d wait, %d tickets", d.promised, promised, d.seats, running, waiting, len(tickets))
		}
	}
	for _, ticket := range tickets {
		d.leave(ticket)
	}
	for _, l := range d.levels {
		if len(l.flows) > 0 {
			t.Errorf("%s remembers %d users", l.name, len(l.flows))
		}
	}
}
