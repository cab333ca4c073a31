package cri

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are upstream's kubelet_runtime_operations_*, by CRI method in
// upstream's spelling (RunPodSandbox is "run_podsandbox").
type metrics struct {
	total    *prometheus.CounterVec
	errors   *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	label := []string{"operation_type"}
	m := metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubelet_runtime_operations_total",
			Help: "Calls to the container runtime, by operation.",
		}, label),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubelet_runtime_operations_errors_total",
			Help: "Calls to the container runtime that failed, by operation.",
		}, label),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "kubelet_runtime_operations_duration_seconds",
			Help:    "Duration of calls to the container runtime, by operation.",
			Buckets: prometheus.ExponentialBuckets(.005, 2.5, 14),
		}, label),
	}
	reg.MustRegister(m.total, m.errors, m.duration)
	return m
}

// operationNames maps CRI methods to upstream's values of operation_type.
var operationNames = map[string]string{
	"Version": "version", "Status": "status", "RuntimeConfig": "runtime_config",
	"RunPodSandbox": "run_podsandbox", "StopPodSandbox": "stop_podsandbox",
	"RemovePodSandbox": "remove_podsandbox", "PodSandboxStatus": "podsandbox_status",
	"ListPodSandbox": "list_podsandbox", "CreateContainer": "create_container",
	"StartContainer": "start_container", "StopContainer": "stop_container",
	"RemoveContainer": "remove_container", "ListContainers": "list_containers",
	"ContainerStatus": "container_status", "UpdateContainerResources": "update_container",
	"ReopenContainerLog": "reopen_container_log",
	"ListContainerStats": "list_container_stats", "ExecSync": "exec_sync", "Exec": "exec",
	"Attach": "attach", "PortForward": "port_forward", "PullImage": "pull_image",
	"ImageStatus": "image_status", "ListImages": "list_images",
	"RemoveImage": "remove_image", "ImageFsInfo": "image_fs_info",
}

func (m metrics) observe(method string, d time.Duration, err error) {
	op := operationNames[method]
	if op == "" {
		return // the event stream's subscription is not an operation
	}
	m.total.WithLabelValues(op).Inc()
	m.duration.WithLabelValues(op).Observe(d.Seconds())
	if err != nil {
		m.errors.WithLabelValues(op).Inc()
	}
}
