package pods

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
)

// Metrics are upstream's kubelet_* about pods.
type Metrics struct {
	Probes            *prometheus.CounterVec // prober_probe_total
	running           prometheus.Gauge
	runningContainers *prometheus.GaugeVec
	start, startSLI   prometheus.Histogram
	pass              *prometheus.HistogramVec
	relist            prometheus.Histogram
	evictions         *prometheus.CounterVec
}

// NewMetrics registers them with reg, and those of probes with probes: upstream
// shows them apart, at /metrics/probes.
func NewMetrics(reg, probes prometheus.Registerer) *Metrics {
	startBuckets := []float64{.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600}
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}
	}
	m := &Metrics{
		Probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prober_probe_total", Help: "Probes made, by type and result.",
		}, []string{"probe_type", "result"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubelet_running_pods", Help: "Pods that have a running sandbox.",
		}),
		runningContainers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubelet_running_containers", Help: "Containers, by state.",
		}, []string{"container_state"}),
		start: prometheus.NewHistogram(histogram("kubelet_pod_start_duration_seconds",
			"Time from seeing a pod for the first time to its containers running.", startBuckets)),
		startSLI: prometheus.NewHistogram(histogram("kubelet_pod_start_sli_duration_seconds",
			"Time from a pod's creation to its containers running.", startBuckets)),
		pass: prometheus.NewHistogramVec(histogram("kubelet_pod_worker_duration_seconds",
			"Duration of one pass of a pod's worker, by kind.", prometheus.DefBuckets), []string{"operation_type"}),
		relist: prometheus.NewHistogram(histogram("kubelet_pleg_relist_duration_seconds",
			"Duration of listing all that the runtime has.", prometheus.DefBuckets)),
		evictions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubelet_evictions", Help: "Pods evicted, by signal.",
		}, []string{"eviction_signal"}),
	}
	probes.MustRegister(m.Probes)
	reg.MustRegister(m.running, m.runningContainers, m.start, m.startSLI, m.pass, m.relist, m.evictions)
	return m
}

// observeStart counts a pod whose containers run for the first time, unless an
// earlier kubelet started them.
func (m *Metrics) observeStart(pod *v1.Pod, seen time.Time) {
	if pod.Status.Phase == v1.PodRunning {
		return
	}
	m.start.Observe(time.Since(seen).Seconds())
	m.startSLI.Observe(time.Since(pod.CreationTimestamp.Time).Seconds())
}

func (m *Metrics) observePass(in *inbox, took time.Duration) {
	kind := "sync"
	switch {
	case in.ending():
		kind = "terminate"
	case in.pod.Status.StartTime == nil:
		kind = "create"
	}
	m.pass.WithLabelValues(kind).Observe(took.Seconds())
}
