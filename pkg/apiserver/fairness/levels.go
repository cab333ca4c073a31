package fairness

import (
	"slices"
	"strings"

	"slowmo/pkg/apiserver/request"
)

// share is a level's part of the seats, in the words and numbers of upstream's
// suggested PriorityLevelConfigurations.
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
}

// exempt is the level of what never waits.
const exempt = "exempt"

// class is what a request is for the limiter: upstream's FlowSchema.
type class struct {
	schema, level string
	covers        func(*request.User, *request.Info) bool
}

// classes are asked in this order. The last one covers everything.
var classes = []class{
	{"exempt", exempt, func(u *request.User, _ *request.Info) bool { return u.In(request.GroupMasters) }},
	{"probes", exempt, func(_ *request.User, i *request.Info) bool { return !i.IsResource && probe(i.Path) }},
	{"system-node-high", "node-high", func(u *request.User, i *request.Info) bool {
		return u.In(request.GroupNodes) && (renewal(i) || i.Resource == "nodes" && i.APIGroup == "")
	}},
	{"system-nodes", "system", func(u *request.User, _ *request.Info) bool { return u.In(request.GroupNodes) }},
	// Upstream keeps seats for the Leases of its own components alone. A Lease
	// that is not renewed is a fail-over whoever holds it.
	{"system-leader-election", "leader-election", func(_ *request.User, i *request.Info) bool { return renewal(i) }},
	{"kube-controller-manager", "workload-high", func(u *request.User, _ *request.Info) bool { return u.Name == "system:kube-controller-manager" }},
	{"kube-scheduler", "workload-high", func(u *request.User, _ *request.Info) bool { return u.Name == "system:kube-scheduler" }},
	{"kube-system-service-accounts", "workload-high", func(u *request.User, _ *request.Info) bool {
		return u.In(request.GroupServiceAccounts + ":kube-system")
	}},
	{"service-accounts", "workload-low", func(u *request.User, _ *request.Info) bool { return u.In(request.GroupServiceAccounts) }},
	{"global-default", "global-default", func(*request.User, *request.Info) bool { return true }},
}

func classify(user *request.User, info *request.Info) class {
	return classes[slices.IndexFunc(classes, func(c class) bool { return c.covers(user, info) })]
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

func probe(path string) bool {
	for _, root := range []string{"/livez", "/readyz", "/healthz"} {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}
