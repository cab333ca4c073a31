package probe

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"

	"slowmo/pkg/kubelet/plan"
)

// Report hears of each probe that failed or could not be made: kind is "Startup",
// "Liveness" or "Readiness", verb "failed" or "errored".
type Report func(kind, verb, output string)

// Runner probes one instance of a container. Safe for concurrent use.
type Runner struct {
	target  Target
	changed func() // must not block
	report  Report
	count   *prometheus.CounterVec

	mu     sync.Mutex
	health plan.Health

	cancel context.CancelFunc
	ending context.CancelFunc // ends what could restart the container
	done   sync.WaitGroup
}

// Options are what a Runner needs besides its target.
type Options struct {
	Target    Target
	StartedAt time.Time   // of the container: initial delays count from then
	Before    plan.Health // what is known already of a container that was taken over
	Changed   func()      // called after each change of Health; must not block
	Report    Report
	Count     *prometheus.CounterVec // prober_probe_total by probe_type and result
}

// Start begins to probe. Stop ends it.
func Start(ctx context.Context, o Options) *Runner {
	ctx, cancel := context.WithCancel(ctx)
	living, ending := context.WithCancel(ctx)
	r := &Runner{target: o.Target, changed: o.Changed, report: o.Report, count: o.Count, cancel: cancel, ending: ending}
	c := o.Target.Container
	r.health = plan.Health{
		Started: c.StartupProbe == nil || o.Before.Started,
		Ready:   c.ReadinessProbe == nil || o.Before.Ready,
	}
	if c.StartupProbe == nil && c.LivenessProbe == nil && c.ReadinessProbe == nil {
		return r
	}
	r.done.Go(func() { r.run(ctx, living, o.StartedAt) })
	return r
}

// Stop ends all probes and waits for those under way.
func (r *Runner) Stop() {
	r.cancel()
	r.done.Wait()
}

// OnlyReadiness ends the startup and liveness probes of a container that is told
// to stop.
func (r *Runner) OnlyReadiness() { r.ending() }

// Health is what the probes say now.
func (r *Runner) Health() plan.Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.health
}

func (r *Runner) set(change func(*plan.Health)) {
	r.mu.Lock()
	before := r.health
	change(&r.health)
	after := r.health
	r.mu.Unlock()
	if before != after {
		r.changed()
	}
}

// run probes until ctx ends; startup and liveness only until living does.
func (r *Runner) run(ctx, living context.Context, started time.Time) {
	c := r.target.Container
	if p := c.StartupProbe; p != nil && !r.Health().Started {
		passed := false
		r.loop(living, "Startup", p, started, func(ok bool) (more bool) {
			passed = ok
			r.set(func(h *plan.Health) {
				h.Started = ok
				if !ok {
					h.Failed = "startup"
				}
			})
			return false
		})
		if !passed {
			return
		}
	}
	var wg sync.WaitGroup
	if p := c.LivenessProbe; p != nil {
		wg.Go(func() {
			r.loop(living, "Liveness", p, started, func(ok bool) bool {
				if !ok {
					r.set(func(h *plan.Health) { h.Failed = "liveness" })
				}
				return ok // what failed is restarted; its successor has its own Runner
			})
		})
	}
	if p := c.ReadinessProbe; p != nil {
		wg.Go(func() {
			r.loop(ctx, "Readiness", p, started, func(ok bool) bool {
				r.set(func(h *plan.Health) { h.Ready = ok })
				return true
			})
		})
	}
	wg.Wait()
}

// loop probes every period. decided is called when as many results in a row
// agree as the threshold says, and tells whether to go on.
func (r *Runner) loop(ctx context.Context, kind string, p *v1.Probe, started time.Time, decided func(ok bool) bool) {
	timer := time.NewTimer(time.Until(started.Add(time.Duration(p.InitialDelaySeconds) * time.Second)))
	defer timer.Stop()
	period := time.Duration(max(p.PeriodSeconds, 1)) * time.Second
	last, run := Unknown, int32(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(period)
		result := r.once(ctx, kind, p)
		if ctx.Err() != nil {
			return
		}
		if result == Unknown {
			continue
		}
		if result == last {
			run++
		} else {
			last, run = result, 1
		}
		threshold := max(p.SuccessThreshold, 1)
		if result == Failure {
			threshold = max(p.FailureThreshold, 1)
		}
		if run >= threshold && !decided(result == Success) {
			return
		}
	}
}

func (r *Runner) once(ctx context.Context, kind string, p *v1.Probe) Result {
	result, output := r.target.Check(ctx, p)
	if ctx.Err() != nil {
		return Unknown
	}
	name := "successful"
	switch result {
	case Failure:
		name = "failed"
		r.report(kind, "failed", output)
	case Unknown:
		name = "unknown"
		r.report(kind, "errored", output)
	}
	r.count.WithLabelValues(kind, name).Inc()
	return result
}
