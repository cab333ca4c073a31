package controller

import (
	"slices"
	"strings"

	"slowmo/pkg/component"
	"slowmo/pkg/controller/control"
	"slowmo/pkg/controller/deployment"
	"slowmo/pkg/controller/replicaset"
)

// entry is one controller of the manager.
type entry struct {
	name   string // upstream's, for --controllers and the user agent
	alias  string // the name it had before 1.28
	source string // of its Events; empty: the name
	make   func(env *control.Env, o *Options) (control.Controller, error)
}

// all are the controllers, in the order in which they are made.
var all = []entry{
	{name: deployment.Name, alias: "deployment", make: func(env *control.Env, o *Options) (control.Controller, error) {
		return deployment.New(env, o.DeploymentSyncs), nil
	}},
	{name: replicaset.Name, alias: "replicaset", make: func(env *control.Env, o *Options) (control.Controller, error) {
		return replicaset.New(env, o.ReplicaSetSyncs), nil
	}},
}

// selected returns the controllers that --controllers asks for: "*" is all, NAME
// is one, -NAME is all but that one. What is named wins over "*".
func selected(wanted []string) ([]entry, error) {
	for _, name := range wanted {
		if name != "*" && !known(strings.TrimPrefix(name, "-")) {
			return nil, component.Usagef("--controllers: there is no controller %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	var out []entry
	for _, e := range all {
		if e.on(wanted) {
			out = append(out, e)
		}
	}
	return out, nil
}

func known(name string) bool {
	return slices.ContainsFunc(all, func(e entry) bool { return e.named(name) })
}

func (e entry) named(name string) bool { return name == e.name || name == e.alias }

func (e entry) on(wanted []string) bool {
	star := false
	for _, name := range wanted {
		switch {
		case name == "*":
			star = true
		case e.named(name):
			return true
		case e.named(strings.TrimPrefix(name, "-")):
			return false
		}
	}
	return star
}

func names() []string {
	out := make([]string, len(all))
	for i, e := range all {
		out[i] = e.name
	}
	return out
}
