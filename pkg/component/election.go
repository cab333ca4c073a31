package component

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordinationinformers "k8s.io/client-go/informers/coordination/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
)

// Election is the leader election of a component that may run more than once,
// on a Lease. Its fields are the --leader-elect-* flags.
type Election struct {
	Enabled                                   bool
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
	ResourceLock, Namespace, Name             string
}

// NewElection gives upstream's defaults for the Lease kube-system/name.
func NewElection(name string) *Election {
	return &Election{Enabled: true, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second,
		RetryPeriod: 2 * time.Second, ResourceLock: resourcelock.LeasesResourceLock, Namespace: metav1.NamespaceSystem, Name: name}
}

// AddTo adds the flags.
func (e *Election) AddTo(f *Flags) {
	f.BoolVar(&e.Enabled, "leader-elect", e.Enabled, "lead only while holding the lease; needed when more than one runs")
	f.DurationVar(&e.LeaseDuration, "leader-elect-lease-duration", e.LeaseDuration, "how long others wait after the last renewal before they take the lease")
	f.DurationVar(&e.RenewDeadline, "leader-elect-renew-deadline", e.RenewDeadline, "how long the leader tries to renew before it gives up")
	f.DurationVar(&e.RetryPeriod, "leader-elect-retry-period", e.RetryPeriod, "time between two tries")
	f.StringVar(&e.ResourceLock, "leader-elect-resource-lock", e.ResourceLock, "the kind of lock: leases")
	f.StringVar(&e.Namespace, "leader-elect-resource-namespace", e.Namespace, "the lease's namespace")
	f.StringVar(&e.Name, "leader-elect-resource-name", e.Name, "the lease's name")
}

// Validate says what of the flags cannot be.
func (e *Election) Validate() error {
	switch {
	case e.ResourceLock != resourcelock.LeasesResourceLock:
		return Usagef("--leader-elect-resource-lock=%s: only leases is supported", e.ResourceLock)
	case e.LeaseDuration <= e.RenewDeadline:
		return Usagef("--leader-elect-lease-duration (%s) must be longer than --leader-elect-renew-deadline (%s)", e.LeaseDuration, e.RenewDeadline)
	case e.RetryPeriod <= 0, e.RenewDeadline <= time.Duration(leaderelection.JitterFactor*float64(e.RetryPeriod)):
		return Usagef("--leader-elect-renew-deadline (%s) must be more than %v times --leader-elect-retry-period (%s)", e.RenewDeadline, leaderelection.JitterFactor, e.RetryPeriod)
	}
	return nil
}

// ErrLostLease is what Run returns when another process leads now, so that this
// one ends and starts afresh.
var ErrLostLease = errors.New("the lease was lost")

// Run waits until this process leads, then calls lead with a context that ends
// with the leadership. On a clean stop the lease is given up once lead has
// returned, and a waiting process takes it at once: it watches the lease, where
// client-go's elector alone would look again only after the retry period.
func (e *Election) Run(ctx context.Context, client kubernetes.Interface, recorder record.EventRecorder, lead func(ctx context.Context) error) error {
	if !e.Enabled {
		return lead(ctx)
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	lock, err := resourcelock.New(e.ResourceLock, e.Namespace, e.Name, client.CoreV1(), client.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID()), EventRecorder: recorder})
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if led, err := e.once(ctx, client, lock, lead); led || err != nil {
			return err
		}
	}
	return ctx.Err()
}

// once takes part until it has led (true), ctx ends, or the holder gave the lease
// up (false: the caller takes part afresh, and a fresh elector tries at once).
//
// The elector runs on a context of its own, hold, which ends only after lead has
// returned: so the lease is never free while lead still writes.
func (e *Election) once(ctx context.Context, client kubernetes.Interface, lock resourcelock.Interface, lead func(context.Context) error) (led bool, err error) {
	hold, letGo := context.WithCancel(context.WithoutCancel(ctx))
	defer letGo()
	acquired := make(chan context.Context, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: e.Name, ReleaseOnCancel: true,
		LeaseDuration: e.LeaseDuration, RenewDeadline: e.RenewDeadline, RetryPeriod: e.RetryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) { acquired <- held },
			OnStoppedLeading: func() {},
			OnNewLeader:      func(id string) { slog.Info("leader", "lease", e.Name, "holder", id) },
		},
	})
	if err != nil {
		return false, err
	}
	var owned sync.WaitGroup
	defer owned.Wait()
	ran := make(chan struct{})
	owned.Go(func() { defer close(ran); elector.Run(hold) })
	standby := func() {
		if !elector.IsLeader() {
			letGo()
		}
	}
	defer context.AfterFunc(ctx, standby)()
	owned.Go(func() { e.watchRelease(hold, client, standby) })

	select {
	case <-ran:
		return false, nil
	case held := <-acquired:
		leading, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(held, stop)()
		err := lead(leading)
		if held.Err() != nil && ctx.Err() == nil {
			err = ErrLostLease
		}
		letGo()
		return true, err
	}
}

// watchRelease calls released whenever the lease loses its holder, until ctx ends.
func (e *Election) watchRelease(ctx context.Context, client kubernetes.Interface, released func()) {
	informer := coordinationinformers.NewFilteredLeaseInformer(client, e.Namespace, 0, nil, func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, e.Name).String()
	})
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(before, after any) {
			if holder(before) != "" && holder(after) == "" {
				released()
			}
		},
	})
	informer.RunWithContext(ctx)
}

func holder(obj any) string {
	if lease, ok := obj.(*coordinationv1.Lease); ok && lease.Spec.HolderIdentity != nil {
		return *lease.Spec.HolderIdentity
	}
	return ""
}
