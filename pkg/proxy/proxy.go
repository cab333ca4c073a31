package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/knftables"

	"slowmo/pkg/component"
)

// gather is how long the first of several changes waits for the others: a rollout changes an
// EndpointSlice and the pods within a moment, and a transaction costs more than this.
const gather = 2 * time.Millisecond

// retry is the pause after a transaction that the kernel refused.
const retry = time.Second

// Proxy keeps the rules of one node. Make it with New and call Run once.
type Proxy struct {
	config  Config
	client  kubernetes.Interface
	metrics *metrics
	forward *forward
	// settled is called once, when the rules are in place for the first time.
	settled func() error

	// changed holds a token when the state may have news for the tables.
	changed chan struct{}
	// lastSync is when the kernel's rules were last what they should be, in Unix nanoseconds; 0
	// before the first time.
	lastSync atomic.Int64
	// pendingSince is when the oldest change came that is not in the kernel yet; 0: none.
	pendingSince atomic.Int64

	mu    sync.Mutex
	state *state
}

// New makes a proxy that writes to the kernel of this network namespace.
func New(config Config, client kubernetes.Interface) (*Proxy, error) {
	var tables []*table
	for _, s := range config.settings() {
		nft, err := knftables.New(s.family.table, TableName)
		if err != nil {
			return nil, fmt.Errorf("nftables cannot be used: %w; install the package nftables and run as root", err)
		}
		tables = append(tables, newTable(s, nft))
	}
	return &Proxy{
		config:  config,
		client:  client,
		metrics: newMetrics(),
		forward: &forward{pods: config.PodRanges},
		settled: serving,
		changed: make(chan struct{}, 1),
		state:   newState(tables),
	}, nil
}

// Run keeps the rules right until ctx ends, and leaves them in place then: connections outlive a
// restart. Nothing is written before everything that exists is known.
func (p *Proxy) Run(ctx context.Context) error {
	if err := prepareKernel(ctx, p.state.tables); err != nil {
		return err
	}
	return p.follow(ctx)
}

// serving is called when the rules are in place for the first time.
func serving() error {
	// Only now is there the guard that makes this safe.
	if err := setSysctl(routeLocalnet, "1"); err != nil {
		slog.Warn("Node ports will not answer on 127.0.0.1", "err", err)
	}
	return component.Started()
}

// follow watches and writes until ctx ends.
func (p *Proxy) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	factories, synced, err := p.watchAll(ctx)
	if err != nil {
		cancel()
		return fmt.Errorf("watching: %w", err)
	}
	for _, f := range factories {
		f.StartWithContext(ctx)
	}
	defer func() {
		cancel()
		for _, f := range factories {
			f.Shutdown() // waits for the informers, which end with ctx
		}
	}()
	if cache.WaitFor(ctx, "", synced...) {
		p.loop(ctx)
	}
	return nil
}

// loop writes changes as they come, gathered a little, and looks from time to time whether
// somebody else changed what we wrote.
func (p *Proxy) loop(ctx context.Context) {
	check := time.NewTicker(p.config.SyncPeriod)
	defer check.Stop()
	due := time.NewTimer(0) // also the first time
	defer due.Stop()
	waiting := true // for due
	for {
		select {
		case <-ctx.Done():
			return
		case <-check.C:
			p.inspect(ctx)
			continue
		case <-p.changed:
			if !waiting {
				due.Reset(gather)
				waiting = true
			}
			continue
		case <-due.C:
			waiting = false
		}
		if err := p.sync(ctx); err != nil && ctx.Err() == nil {
			slog.Error("Rules could not be written; trying again", "err", err)
			due.Reset(retry)
			waiting = true
		}
	}
}

// sync brings what the watches told into the kernel.
func (p *Proxy) sync(ctx context.Context) error {
	start := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.update()
	for _, t := range p.state.tables {
		if err := t.apply(ctx); err != nil {
			return err
		}
	}
	p.forward.ensure(ctx)
	forgetStale(p.state.udp)
	p.metrics.synced(start, p.state.triggers)
	p.state.udp, p.state.triggers = nil, nil
	p.pendingSince.Store(0)
	if p.lastSync.Swap(time.Now().UnixNano()) == 0 {
		slog.Info("Rules are in place", "services", len(p.state.services), "took", time.Since(start))
		return p.settled()
	}
	return nil
}

// inspect makes good what another program undid.
func (p *Proxy) inspect(ctx context.Context) {
	p.mu.Lock()
	for _, t := range p.state.tables {
		if t.fresh && !t.intact(ctx) && ctx.Err() == nil {
			slog.Warn("Somebody removed our nftables table; writing it again", "family", t.family.table)
			t.doubt()
		}
	}
	p.forward.doubt()
	p.mu.Unlock()
	p.signal()
}

// tell changes the state by what a watch said.
func (p *Proxy) tell(change func(*state)) {
	p.mu.Lock()
	change(p.state)
	p.mu.Unlock()
	p.pendingSince.CompareAndSwap(0, time.Now().UnixNano())
	p.signal()
}

func (p *Proxy) signal() {
	select {
	case p.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// handler turns an informer's events into changes of the state.
func handler[T *v1.Service | *discoveryv1.EndpointSlice | *networkingv1.ServiceCIDR | *v1.Pod](p *Proxy, set, remove func(*state, T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { p.tell(func(s *state) { set(s, obj.(T)) }) },
		UpdateFunc: func(_, obj any) { p.tell(func(s *state) { set(s, obj.(T)) }) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			p.tell(func(s *state) { remove(s, obj.(T)) })
		},
	}
}
