package controller

import (
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"slowmo/pkg/component"
	"slowmo/pkg/controller/nodeipam"
)

// Name is the component's name: in metrics, user agents and the Lease.
const Name = "kube-controller-manager"

// Options are the flags of the controller manager, with upstream's names
// (https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/).
type Options struct {
	*component.Flags
	Serving  *component.Serving
	Election *component.Election

	Controllers []string // "*", NAME, -NAME
	RootCAFile  string   // PEM, published in each namespace; empty: the kubeconfig's

	AllocateNodeCIDRs bool
	ClusterCIDR       []string // at most one of each family
	NodeCIDRMaskSize  int      // of an IPv4 node range, in bits

	ServiceAccounts         bool          // each controller is a service account of its own
	NodeMonitorGracePeriod  time.Duration // without a sign of life a node is unknown
	TerminatedPodThreshold  int           // ended pods above it are deleted, oldest first
	DeploymentSyncs         int
	ReplicaSetSyncs         int
	EndpointSyncs           int
	EndpointSliceSyncs      int
	NamespaceSyncs          int
	GarbageSyncs            int
	EnableGarbageCollection bool
}

// NewOptions gives upstream's defaults, but that node ranges are handed out
// whenever there is a --cluster-cidr to take them from.
func NewOptions() *Options {
	o := &Options{
		Flags:    component.NewFlags(Name, "runs the loops that make the cluster what its objects say"),
		Serving:  component.NewServing(Name, 10257),
		Election: component.NewElection(Name),
	}
	o.Serving.AddTo(o.Flags)
	o.Election.AddTo(o.Flags)
	o.StringSliceVar(&o.Controllers, "controllers", []string{"*"},
		"controllers to run: * for all, NAME for one, -NAME for all but one, of "+strings.Join(names(), ", "))
	o.BoolVar(&o.ServiceAccounts, "use-service-account-credentials", false,
		"run each controller as a service account of its own, with the rights of its role; else all have the rights of this process")
	o.StringVar(&o.RootCAFile, "root-ca-file", "", "PEM file that is published as kube-root-ca.crt in each namespace; empty means the kubeconfig's authority")
	o.BoolVar(&o.AllocateNodeCIDRs, "allocate-node-cidrs", true, "give each node a range of --cluster-cidr for its pods")
	o.StringSliceVar(&o.ClusterCIDR, "cluster-cidr", nil, "range of pod addresses, one for each address family; empty gives nodes none")
	o.IntVar(&o.NodeCIDRMaskSize, "node-cidr-mask-size", 24, "bits of the mask of a node's IPv4 range")
	o.DurationVar(&o.NodeMonitorGracePeriod, "node-monitor-grace-period", 50*time.Second, "how long a node may give no sign of life before it counts as gone")
	o.IntVar(&o.TerminatedPodThreshold, "terminated-pod-gc-threshold", 12500, "how many ended pods may stay; 0 means any number")
	o.BoolVar(&o.EnableGarbageCollection, "enable-garbage-collector", true, "delete what the owners are gone of; must be as the API server has it")
	for _, flag := range []struct {
		value *int
		name  string
		count int
	}{
		{&o.DeploymentSyncs, "deployment", 5},
		{&o.ReplicaSetSyncs, "replicaset", 5},
		{&o.EndpointSyncs, "endpoint", 5},
		{&o.EndpointSliceSyncs, "service-endpoint", 5},
		{&o.NamespaceSyncs, "namespace", 10},
		{&o.GarbageSyncs, "gc", 20},
	} {
		o.IntVar(flag.value, "concurrent-"+flag.name+"-syncs", flag.count, "how many are synced at the same time")
	}
	return o
}

// Validate says what of the flags cannot be.
func (o *Options) Validate() error {
	if err := o.Election.Validate(); err != nil {
		return err
	}
	if _, err := selected(o.Controllers); err != nil {
		return err
	}
	for name, n := range map[string]int{
		"deployment": o.DeploymentSyncs, "replicaset": o.ReplicaSetSyncs, "endpoint": o.EndpointSyncs,
		"service-endpoint": o.EndpointSliceSyncs, "namespace": o.NamespaceSyncs, "gc": o.GarbageSyncs,
	} {
		if n < 1 {
			return component.Usagef("--concurrent-%s-syncs=%d: give at least 1", name, n)
		}
	}
	if err := nodeipam.Validate(o.ClusterCIDR, o.NodeCIDRMaskSize); err != nil {
		return err
	}
	if o.NodeMonitorGracePeriod <= 0 {
		return component.Usagef("--node-monitor-grace-period=%s: give a time above 0", o.NodeMonitorGracePeriod)
	}
	return nil
}

// rootCA returns the authority to publish: that of --root-ca-file or else the one
// by which config trusts the API server.
func (o *Options) rootCA(config *rest.Config) ([]byte, error) {
	switch {
	case o.RootCAFile != "":
		return os.ReadFile(o.RootCAFile)
	case len(config.CAData) > 0:
		return config.CAData, nil
	case config.CAFile != "":
		return os.ReadFile(config.CAFile)
	}
	return nil, component.Usagef("the kubeconfig names no certificate authority to publish in the namespaces; give --root-ca-file FILE")
}
