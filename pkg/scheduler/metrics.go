package scheduler

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the scheduler_* series
// (https://kubernetes.io/docs/reference/instrumentation/metrics/).
type metrics struct {
	profile string

	pending    *prometheus.GaugeVec
	attempts   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	perPod     prometheus.Histogram
	sli        *prometheus.HistogramVec
	incoming   *prometheus.CounterVec
	extensions *prometheus.HistogramVec
	preemption prometheus.Counter
	victims    prometheus.Histogram
}

func newMetrics(profile string) *metrics {
	buckets := prometheus.ExponentialBuckets(0.0001, 2, 16)
	return &metrics{
		profile: profile,
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "scheduler_pending_pods",
			Help: "Pending pods, by the place in the queue where they are."}, []string{"queue"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "scheduler_schedule_attempts_total",
			Help: "Decisions, by what came of them: scheduled, unschedulable or error."}, []string{"result", "profile"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "scheduler_scheduling_attempt_duration_seconds",
			Help: "Seconds that a decision took.", Buckets: buckets}, []string{"result", "profile"}),
		perPod: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "scheduler_pod_scheduling_attempts",
			Help: "Decisions that a pod needed until it was bound.", Buckets: prometheus.ExponentialBuckets(1, 2, 5)}),
		sli: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "scheduler_pod_scheduling_sli_duration_seconds",
			Help:    "Seconds from a pod's entering the queue until it was bound, by the number of attempts.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 20)}, []string{"attempts"}),
		incoming: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "scheduler_queue_incoming_pods_total",
			Help: "Pods that were put into the queue, by place and by the event that did it."}, []string{"queue", "event"}),
		extensions: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "scheduler_framework_extension_point_duration_seconds",
			Help: "Seconds that a step of scheduling took.", Buckets: buckets}, []string{"extension_point", "status", "profile"}),
		preemption: prometheus.NewCounter(prometheus.CounterOpts{Name: "scheduler_preemption_attempts_total",
			Help: "Times that pods were asked to go for a more important one."}),
		victims: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "scheduler_preemption_victims",
			Help: "Pods that were asked to go at a time.", Buckets: prometheus.ExponentialBuckets(1, 2, 7)}),
	}
}

// Describe and Collect make a Scheduler the collector of its metrics: register it once.
func (s *Scheduler) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s.metrics.all() {
		c.Describe(ch)
	}
}

// Collect reads the queue's lengths at the time of the scrape.
func (s *Scheduler) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	for name, length := range s.queue.lengths() {
		s.metrics.pending.WithLabelValues(name).Set(float64(length))
	}
	s.mu.Unlock()
	for _, c := range s.metrics.all() {
		c.Collect(ch)
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.pending, m.attempts, m.duration, m.perPod, m.sli, m.incoming, m.extensions, m.preemption, m.victims}
}

// attempt counts a decision that began at start.
func (m *metrics) attempt(result string, start time.Time) {
	m.attempts.WithLabelValues(result, m.profile).Inc()
	m.duration.WithLabelValues(result, m.profile).Observe(time.Since(start).Seconds())
}

func (m *metrics) extension(point string, err error, start time.Time) {
	status := "Success"
	if err != nil {
		status = "Error"
	}
	m.extensions.WithLabelValues(point, status, m.profile).Observe(time.Since(start).Seconds())
}

// bound counts a pod that has its node.
func (m *metrics) bound(it *item) {
	m.perPod.Observe(float64(it.attempts))
	m.sli.WithLabelValues(strconv.Itoa(min(it.attempts, 16))).Observe(time.Since(it.since).Seconds())
}
