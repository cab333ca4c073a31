package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"slowmo/pkg/kubelet/node"
)

// The series of /metrics/resource, which metrics-server reads.
// https://kubernetes.io/docs/reference/instrumentation/metrics/
var (
	nodeCPU        = prometheus.NewDesc("node_cpu_usage_seconds_total", "CPU time of the node in core-seconds.", nil, nil)
	nodeMemory     = prometheus.NewDesc("node_memory_working_set_bytes", "Working set of the node in bytes.", nil, nil)
	containerCPU   = prometheus.NewDesc("container_cpu_usage_seconds_total", "CPU time of the container in core-seconds.", containerLabels, nil)
	containerMem   = prometheus.NewDesc("container_memory_working_set_bytes", "Working set of the container in bytes.", containerLabels, nil)
	containerStart = prometheus.NewDesc("container_start_time_seconds", "When the container started, in seconds since the epoch.", containerLabels, nil)
	podCPU         = prometheus.NewDesc("pod_cpu_usage_seconds_total", "CPU time of the pod in core-seconds.", podLabels, nil)
	podMemory      = prometheus.NewDesc("pod_memory_working_set_bytes", "Working set of the pod in bytes.", podLabels, nil)
	scrapeError    = prometheus.NewDesc("resource_scrape_error", "1 if something could not be measured, else 0.", nil, nil)

	podLabels       = []string{"namespace", "pod"}
	containerLabels = []string{"container", "namespace", "pod"}
)

// resourceMetrics serves /metrics/resource.
func (s *Server) resourceMetrics(w http.ResponseWriter, r *http.Request) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(resources{s, r})
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// resources collects for one request.
type resources struct {
	s *Server
	r *http.Request
}

// Describe implements prometheus.Collector: nothing is promised beforehand.
func (resources) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c resources) Collect(out chan<- prometheus.Metric) {
	failed := 0.0
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	if cpu, err := node.CPUUsage(); err == nil {
		counter(nodeCPU, cpu.Seconds())
	} else {
		failed = 1
	}
	if used, _, err := node.MemoryUsage(); err == nil {
		gauge(nodeMemory, float64(used))
	} else {
		failed = 1
	}
	all, err := c.s.usages(c.r.Context())
	if err != nil {
		failed = 1
	}
	for pod, u := range all {
		var cpu, memory float64
		for name, st := range u {
			seconds := float64(st.Cpu.UsageCoreNanoSeconds.GetValue()) / 1e9
			bytes := float64(st.Memory.WorkingSetBytes.GetValue())
			cpu, memory = cpu+seconds, memory+bytes
			counter(containerCPU, seconds, name, pod.Namespace, pod.Name)
			gauge(containerMem, bytes, name, pod.Namespace, pod.Name)
			if at := startTime(pod, name); !at.IsZero() {
				gauge(containerStart, float64(at.Unix()), name, pod.Namespace, pod.Name)
			}
		}
		counter(podCPU, cpu, pod.Namespace, pod.Name)
		gauge(podMemory, memory, pod.Namespace, pod.Name)
	}
	gauge(scrapeError, failed)
}
