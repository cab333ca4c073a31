package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the kubeproxy_* series
// (https://kubernetes.io/docs/reference/instrumentation/metrics/).
type metrics struct {
	sync        prometheus.Histogram
	programming prometheus.Histogram
	lastSync    prometheus.Gauge
}

func newMetrics() *metrics {
	return &metrics{
		sync: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "kubeproxy_sync_proxy_rules_duration_seconds",
			Help: "Seconds that bringing changes into the kernel took.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}),
		programming: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "kubeproxy_network_programming_duration_seconds",
			Help: "Seconds from a change of a pod or Service until the kernel had it.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 18)}),
		lastSync: prometheus.NewGauge(prometheus.GaugeOpts{Name: "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
			Help: "When the rules were last brought up to date, in Unix seconds."}),
	}
}

// Describe and Collect make a Proxy the collector of its metrics: register it once.
func (p *Proxy) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range p.metrics.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (p *Proxy) Collect(ch chan<- prometheus.Metric) {
	for _, c := range p.metrics.all() {
		c.Collect(ch)
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.sync, m.programming, m.lastSync}
}

// synced counts a sync that began at start and brought endpoints in that changed at the given times.
func (m *metrics) synced(start time.Time, triggers []time.Time) {
	m.sync.Observe(time.Since(start).Seconds())
	m.lastSync.SetToCurrentTime()
	for _, at := range triggers {
		m.programming.Observe(time.Since(at).Seconds())
	}
}
