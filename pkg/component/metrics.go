package component

import (
	"context"
	"net/url"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/metrics"
	"k8s.io/client-go/util/workqueue"
)

// Registry holds the metrics of this process: /metrics shows it. Components
// register their own collectors here when they are made.
var Registry = newRegistry()

var (
	healthcheck = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "kubernetes_healthcheck",
		Help: "Result of the last run of a health check: 1 passed, 0 failed."}, []string{"name", "type"})
	leader = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "leader_election_master_status",
		Help: "1 while this process holds the named lease, else 0."}, []string{"name"})
	clientRequests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rest_client_requests_total",
		Help: "HTTP requests sent, by status code, method and host."}, []string{"code", "method", "host"})
	clientLatency = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "rest_client_request_duration_seconds",
		Help:    "Time until a request was answered, by verb and host.",
		Buckets: []float64{.005, .025, .1, .25, .5, 1, 2, 4, 8, 15, 30, 60}}, []string{"verb", "host"})
)

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "kubernetes_build_info",
		Help: "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"major": "1", "minor": "37", "git_version": Version,
			"go_version": runtime.Version(), "compiler": runtime.Compiler, "platform": runtime.GOOS + "/" + runtime.GOARCH}})
	build.Set(1)
	registry.MustRegister(build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		healthcheck, leader, clientRequests, clientLatency)
	queues := newQueueMetrics()
	registry.MustRegister(queues.depth, queues.adds, queues.wait, queues.work, queues.unfinished, queues.longest, queues.retries)
	workqueue.SetProvider(queues)
	metrics.Register(metrics.RegisterOpts{RequestLatency: latency{}, RequestResult: results{}})
	leaderelection.SetProvider(leaderMetrics{})
	return registry
}

type latency struct{}

func (latency) Observe(_ context.Context, verb string, u url.URL, d time.Duration) {
	clientLatency.WithLabelValues(verb, u.Host).Observe(d.Seconds())
}

type results struct{}

func (results) Increment(_ context.Context, code, method, host string) {
	clientRequests.WithLabelValues(code, method, host).Inc()
}

type leaderMetrics struct{}

func (leaderMetrics) NewLeaderMetric() leaderelection.LeaderMetric { return leaderMetrics{} }
func (leaderMetrics) On(name string)                               { leader.WithLabelValues(name).Set(1) }
func (leaderMetrics) Off(name string)                              { leader.WithLabelValues(name).Set(0) }
func (leaderMetrics) SlowpathExercised(string)                     {}

// queueMetrics gives each work queue the workqueue_* series of its name.
type queueMetrics struct {
	depth, unfinished, longest *prometheus.GaugeVec
	adds, retries              *prometheus.CounterVec
	wait, work                 *prometheus.HistogramVec
}

func newQueueMetrics() queueMetrics {
	label := []string{"name"}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "workqueue_" + name, Help: help}, label)
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "workqueue_" + name, Help: help}, label)
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "workqueue_" + name, Help: help,
			Buckets: prometheus.ExponentialBuckets(1e-8, 10, 10)}, label)
	}
	return queueMetrics{
		depth:      gauge("depth", "Keys that wait."),
		unfinished: gauge("unfinished_work_seconds", "Seconds of work in progress and not yet in work_duration."),
		longest:    gauge("longest_running_processor_seconds", "Seconds that the longest sync under way has run."),
		adds:       counter("adds_total", "Keys added."),
		retries:    counter("retries_total", "Keys added again after an error."),
		wait:       histogram("queue_duration_seconds", "Seconds that a key waited before it was handed out."),
		work:       histogram("work_duration_seconds", "Seconds that the work on a key took."),
	}
}

func (m queueMetrics) NewDepthMetric(name string) workqueue.GaugeMetric {
	return m.depth.WithLabelValues(name)
}
func (m queueMetrics) NewAddsMetric(name string) workqueue.CounterMetric {
	return m.adds.WithLabelValues(name)
}
func (m queueMetrics) NewLatencyMetric(name string) workqueue.HistogramMetric {
	return m.wait.WithLabelValues(name)
}
func (m queueMetrics) NewWorkDurationMetric(name string) workqueue.HistogramMetric {
	return m.work.WithLabelValues(name)
}
func (m queueMetrics) NewUnfinishedWorkSecondsMetric(name string) workqueue.SettableGaugeMetric {
	return m.unfinished.WithLabelValues(name)
}
func (m queueMetrics) NewLongestRunningProcessorSecondsMetric(name string) workqueue.SettableGaugeMetric {
	return m.longest.WithLabelValues(name)
}
func (m queueMetrics) NewRetriesMetric(name string) workqueue.CounterMetric {
	return m.retries.WithLabelValues(name)
}
