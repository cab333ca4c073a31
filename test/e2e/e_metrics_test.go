package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// contains is an error unless text holds part.
func contains(text, part string) error {
	if !strings.Contains(text, part) {
		return fmt.Errorf("%q is not in %q", part, text)
	}
	return nil
}

// portOf is the --secure-port that a process was started with.
func portOf(t *testing.T, pid int) int {
	t.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`--secure-port[=\x00](\d+)`).FindSubmatch(line)
	if match == nil {
		return 10257
	}
	port, err := strconv.Atoi(string(match[1]))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// scrape gets a path of a component on this host as the administrator.
func scrape(t *testing.T, port int, path string) string {
	t.Helper()
	scheme := "https"
	if port == 10249 || port == 10256 || port == 10248 {
		scheme = "http"
	}
	pki := filepath.Join(shared.Root, "pki")
	out, err := exec.Command("curl", "-sSk", "--max-time", "10", "--cert", filepath.Join(pki, "admin.crt"), "--key", filepath.Join(pki, "admin.key"),
		fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, port, path)).CombinedOutput()
	if err != nil {
		t.Fatalf("%s on port %d: %v: %s", path, port, err, out)
	}
	return string(out)
}

// TestMetricsAndHealth: each component on upstream's port, with upstream's names.
func TestMetricsAndHealth(t *testing.T) {
	for _, c := range []struct {
		component string
		port      int
		health    []string
		metrics   []string
	}{
		{"apiserver", 6443, []string{"/livez", "/readyz", "/healthz"}, []string{"apiserver_request_total", "apiserver_request_duration_seconds_bucket",
			"apiserver_current_inflight_requests", "apiserver_longrunning_requests", "apiserver_watch_events_total", "apiserver_resource_objects",
			"apiserver_storage_size_bytes", "etcd_request_duration_seconds_bucket", "kubernetes_build_info"}},
		{"controller-manager", portOf(t, leaderPid(t)), []string{"/livez", "/readyz", "/healthz"}, []string{"workqueue_depth", "workqueue_adds_total", "workqueue_queue_duration_seconds_bucket",
			"workqueue_work_duration_seconds_bucket", "workqueue_retries_total", "workqueue_unfinished_work_seconds", "workqueue_longest_running_processor_seconds",
			"rest_client_requests_total", "rest_client_request_duration_seconds_bucket", "leader_election_master_status"}},
		{"scheduler", 10259, []string{"/livez", "/readyz", "/healthz"}, []string{"scheduler_pending_pods", "scheduler_schedule_attempts_total",
			"scheduler_scheduling_attempt_duration_seconds_bucket", "scheduler_pod_scheduling_attempts_bucket", "scheduler_pod_scheduling_sli_duration_seconds_bucket",
			"scheduler_queue_incoming_pods_total", "scheduler_framework_extension_point_duration_seconds_bucket", "scheduler_preemption_attempts_total"}},
		{"kubelet", 10250, []string{"/healthz"}, []string{"kubelet_running_pods", "kubelet_running_containers", "kubelet_pod_start_duration_seconds_bucket",
			"kubelet_pod_start_sli_duration_seconds_bucket", "kubelet_pod_worker_duration_seconds_bucket", "kubelet_pleg_relist_duration_seconds_bucket",
			"kubelet_runtime_operations_total", "kubelet_runtime_operations_duration_seconds_bucket", "kubelet_node_name"}},
		{"proxy", 10249, []string{"/healthz"}, []string{"kubeproxy_sync_proxy_rules_duration_seconds_bucket", "kubeproxy_network_programming_duration_seconds_bucket"}},
	} {
		t.Run(c.component, func(t *testing.T) {
			for _, path := range c.health {
				if out := scrape(t, c.port, path); out != "ok" {
					t.Errorf("%s answers %q", path, out)
				}
			}
			text := scrape(t, c.port, "/metrics")
			for _, name := range c.metrics {
				if !regexp.MustCompile(`(?m)^` + name + `(\{| )`).MatchString(text) {
					t.Errorf("no metric %s", name)
				}
			}
		})
	}
	if out := scrape(t, 10256, "/healthz"); !strings.Contains(out, "lastUpdated") {
		t.Errorf("the proxy's health port answers %q", out)
	}
	if out := scrape(t, 10248, "/healthz"); out != "ok" {
		t.Errorf("the kubelet's health port answers %q", out)
	}
}

// TestPrometheus scrapes all with Debian's Prometheus and the deployed configuration.
func TestPrometheus(t *testing.T) {
	port := freePort(t)
	server := exec.Command("prometheus", "--config.file="+filepath.Join(shared.Root, "prometheus.yml"),
		"--storage.tsdb.path="+t.TempDir(), fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port))
	log, err := os.Create(filepath.Join(t.TempDir(), "prometheus.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatalf("%v; the package is prometheus: `make deps` installs it", err)
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()

	eventually(t, "every target is up", func() error {
		out, err := exec.Command("curl", "-sS", fmt.Sprintf("http://127.0.0.1:%d/api/v1/targets", port)).Output()
		if err != nil {
			return err
		}
		var answer struct {
			Data struct {
				ActiveTargets []struct {
					ScrapeURL, Health, LastError string
				}
			}
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return err
		}
		var bad []error
		for _, target := range answer.Data.ActiveTargets {
			if target.Health != "up" {
				bad = append(bad, fmt.Errorf("%s is %s: %s", target.ScrapeURL, target.Health, target.LastError))
			}
		}
		if n := len(answer.Data.ActiveTargets); n < 6 {
			bad = append(bad, fmt.Errorf("only %d targets", n))
		}
		return errors.Join(bad...)
	})
}
