package fairness

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/component"
)

var (
	registered = promauto.With(component.Registry)
	levelLabel = []string{"priority_level"}
	bothLabels = []string{"priority_level", "flow_schema"}

	inflight = registered.NewGaugeVec(prometheus.GaugeOpts{
		Name: "apiserver_current_inflight_requests", Help: "Requests under way that count against the limit.",
	}, []string{"request_kind"})
	inqueue = registered.NewGaugeVec(prometheus.GaugeOpts{
		Name: "apiserver_current_inqueue_requests", Help: "Requests that wait.",
	}, []string{"request_kind"})
	nominalSeats = registered.NewGaugeVec(prometheus.GaugeOpts{
		Name: "apiserver_flowcontrol_nominal_limit_seats", Help: "Seats that a priority level has by its share.",
	}, levelLabel)
	executing = registered.NewGaugeVec(prometheus.GaugeOpts{
		Name: "apiserver_flowcontrol_current_executing_requests", Help: "Requests that run.",
	}, bothLabels)
	waiting = registered.NewGaugeVec(prometheus.GaugeOpts{
		Name: "apiserver_flowcontrol_current_inqueue_requests", Help: "Requests that wait.",
	}, bothLabels)
	dispatched = registered.NewCounterVec(prometheus.CounterOpts{
		Name: "apiserver_flowcontrol_dispatched_requests_total", Help: "Requests that were let through.",
	}, bothLabels)
	rejected = registered.NewCounterVec(prometheus.CounterOpts{
		Name: "apiserver_flowcontrol_rejected_requests_total", Help: "Requests that were turned away.",
	}, append(bothLabels[:2:2], "reason"))
	waits = registered.NewHistogramVec(prometheus.HistogramOpts{
		Name: "apiserver_flowcontrol_request_wait_duration_seconds", Help: "Time that requests waited.",
		Buckets: []float64{0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30},
	}, append(bothLabels[:2:2], "execute"))
)

// meter counts one request under its labels.
type meter struct {
	level, schema, kind string
	exempt              bool
}

func kindOf(info *request.Info) string {
	if info.ReadOnly() {
		return "readOnly"
	}
	return "mutating"
}

func (m meter) queued(by float64) {
	inqueue.WithLabelValues(m.kind).Add(by)
	waiting.WithLabelValues(m.level, m.schema).Add(by)
}

func (m meter) dispatched(waited time.Duration) {
	if !m.exempt {
		inflight.WithLabelValues(m.kind).Inc()
	}
	executing.WithLabelValues(m.level, m.schema).Inc()
	dispatched.WithLabelValues(m.level, m.schema).Inc()
	waits.WithLabelValues(m.level, m.schema, "true").Observe(waited.Seconds())
}

func (m meter) done() {
	if !m.exempt {
		inflight.WithLabelValues(m.kind).Dec()
	}
	executing.WithLabelValues(m.level, m.schema).Dec()
}

func (m meter) rejected(reason string, waited time.Duration) {
	rejected.WithLabelValues(m.level, m.schema, reason).Inc()
	waits.WithLabelValues(m.level, m.schema, "false").Observe(waited.Seconds())
}
