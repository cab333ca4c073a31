package controller

import (
	"slices"
	"strings"

	"slowmo/pkg/component"
	"slowmo/pkg/controller/clusterrole"
	"slowmo/pkg/controller/control"
	"slowmo/pkg/controller/deployment"
	"slowmo/pkg/controller/endpoints"
	"slowmo/pkg/controller/endpointslice"
	"slowmo/pkg/controller/garbage"
	"slowmo/pkg/controller/namespace"
	"slowmo/pkg/controller/nodeipam"
	"slowmo/pkg/controller/nodelifecycle"
	"slowmo/pkg/controller/podgc"
	"slowmo/pkg/controller/replicaset"
	"slowmo/pkg/controller/rootca"
	"slowmo/pkg/controller/serviceaccount"
	"slowmo/pkg/controller/servicelb"
	"slowmo/pkg/controller/tainteviction"
)

// entry is one controller of the manager.
type entry struct {
	name    string // upstream's, for --controllers and the user agent
	alias   string // the name it had before 1.28
	account string // its service account in kube-system; empty: the name
	source  string // of its Events; empty: the name
	make    func(env *control.Env, o *Options) (control.Controller, error)
}

// all are the controllers, in the order in which they are made.
var all = []entry{
	{name: serviceaccount.Name, alias: "serviceaccount", account: "service-account-controller", make: func(env *control.Env, _ *Options) (control.Controller, error) {
		return serviceaccount.New(env), nil
	}},
	{name: rootca.Name, alias: "root-ca-cert-publisher", account: "root-ca-cert-publisher", make: func(env *control.Env, o *Options) (control.Controller, error) {
		ca, err := o.rootCA(env.Config)
		if err != nil {
			return nil, err
		}
		return rootca.New(env, ca), nil
	}},
	{name: namespace.Name, alias: "namespace", make: func(env *control.Env, o *Options) (control.Controller, error) {
		return namespace.New(env, o.NamespaceSyncs)
	}},
	{name: deployment.Name, alias: "deployment", make: func(env *control.Env, o *Options) (control.Controller, error) {
		return deployment.New(env, o.DeploymentSyncs), nil
	}},
	{name: replicaset.Name, alias: "replicaset", make: func(env *control.Env, o *Options) (control.Controller, error) {
		return replicaset.New(env, o.ReplicaSetSyncs), nil
	}},
	{name: endpoints.Name, alias: "endpoint", account: "endpoint-controller", source: "endpoint-controller", make: func(env *control.Env, o *Options) (control.Controller, error) {
		return endpoints.New(env, o.EndpointSyncs), nil
	}},
	{name: endpointslice.Name, alias: "endpointslice", source: "endpoint-slice-controller", make: func(env *control.Env, o *Options) (control.Controller, error) {
		return endpointslice.New(env, o.EndpointSliceSyncs), nil
	}},
	{name: servicelb.Name, alias: "service", account: "service-controller", source: "service-controller", make: func(env *control.Env, _ *Options) (control.Controller, error) {
		return servicelb.New(env), nil
	}},
	{name: nodeipam.Name, alias: "nodeipam", account: "node-controller", source: "cidrAllocator", make: func(env *control.Env, o *Options) (control.Controller, error) {
		if !o.AllocateNodeCIDRs || len(o.ClusterCIDR) == 0 {
			return nil, nil
		}
		return nodeipam.New(env, o.ClusterCIDR, o.NodeCIDRMaskSize)
	}},
	{name: nodelifecycle.Name, alias: "nodelifecycle", account: "node-controller", source: nodelifecycle.Source, make: func(env *control.Env, o *Options) (control.Controller, error) {
		return nodelifecycle.New(env, o.NodeMonitorGracePeriod), nil
	}},
	{name: tainteviction.Name, account: "node-controller", make: func(env *control.Env, _ *Options) (control.Controller, error) {
		return tainteviction.New(env), nil
	}},
	{name: podgc.Name, alias: "podgc", account: "pod-garbage-collector", make: func(env *control.Env, o *Options) (control.Controller, error) {
		return podgc.New(env, o.TerminatedPodThreshold), nil
	}},
	{name: clusterrole.Name, alias: "clusterrole-aggregation", make: func(env *control.Env, _ *Options) (control.Controller, error) {
		return clusterrole.New(env), nil
	}},
	{name: garbage.Name, alias: "garbagecollector", account: "generic-garbage-collector", make: func(env *control.Env, o *Options) (control.Controller, error) {
		if !o.EnableGarbageCollection {
			return nil, nil
		}
		return garbage.New(env, o.GarbageSyncs)
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

func (e entry) named(name string) bool { return name != "" && (name == e.name || name == e.alias) }

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
