package fairness

import (
	"slices"

	"slowmo/pkg/apiserver/request"
)

// share is a level's part of the seats, in the words and numbers of upstream's
// PriorityLevelConfigurations. What the stored ones say of seats does not count.
type share struct {
	name   string
	shares int // of the sum of all
	lends  int // percent of its own seats that others may use
}

var shares = []share{
	{"node-high", 40, 25},
	{"system", 30, 33},
	{"leader-election", 10, 0},
	{"workload-high", 40, 50},
	{"workload-low", 100, 90},
	{"global-default", 20, 50},
	{"catch-all", 5, 0},
}

// seats is the level whose seats a request of class c takes. One that this
// server has no seats for takes those of everybody else.
func seats(c Class, info *request.Info) string {
	// Upstream keeps seats for the Leases of its own components alone. A Lease
	// that is not renewed is a fail-over whoever holds it.
	if renewal(info) && c.Level != "node-high" {
		return "leader-election"
	}
	if slices.ContainsFunc(shares, func(s share) bool { return s.name == c.Level }) {
		return c.Level
	}
	return "global-default"
}

// renewal says whether a request is one of those that keep a Lease.
func renewal(info *request.Info) bool {
	if info.APIGroup != "coordination.k8s.io" || info.Resource != "leases" {
		return false
	}
	switch info.Verb {
	case "get", "create", "update", "patch":
		return true
	}
	return false
}
