package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/fake"
)

// subject is a runtime whose one container writes a log and uses something, and the
// pod that it is of.
type subject struct {
	*fake.Runtime
	pod   *v1.Pod
	log   string
	ended chan struct{}
	url   string // of its streaming server
}

func (n *subject) Show() []*v1.Pod { return []*v1.Pod{n.pod} }
func (n *subject) Find(namespace, name string, uid types.UID) *v1.Pod {
	if namespace == n.pod.Namespace && name == n.pod.Name && (uid == "" || uid == n.pod.UID) {
		return n.pod
	}
	return nil
}
func (n *subject) WaitExited(ctx context.Context, _ string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-n.ended:
		return nil
	}
}
func (n *subject) ContainerStatus(ctx context.Context, r *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	st, err := n.Runtime.ContainerStatus(ctx, r)
	if err == nil {
		st.Status.LogPath = n.log
	}
	return st, err
}
func (n *subject) ListContainerStats(context.Context, *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error) {
	return &runtimeapi.ListContainerStatsResponse{Stats: []*runtimeapi.ContainerStats{{
		Attributes: &runtimeapi.ContainerAttributes{Labels: cri.Labels(n.pod, "c")},
		Cpu:        &runtimeapi.CpuUsage{UsageCoreNanoSeconds: &runtimeapi.UInt64Value{Value: 1_500_000_000}},
		Memory:     &runtimeapi.MemoryUsage{WorkingSetBytes: &runtimeapi.UInt64Value{Value: 4096}},
	}}}, nil
}
func (n *subject) Exec(context.Context, *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	return &runtimeapi.ExecResponse{Url: n.url}, nil
}

// serve runs a server for a node with a running container "c" and one, "w", that
// waits.
func serve(t *testing.T) (*subject, string) {
	t.Helper()
	n := &subject{Runtime: fake.New(0), log: filepath.Join(t.TempDir(), "0.log"), ended: make(chan struct{})}
	if err := os.WriteFile(n.log, []byte("2026-11-24T10:00:00Z stdout F one\n2026-11-24T10:00:01Z stdout F two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.pod = &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}}
	n.pod.Spec.Containers = []v1.Container{{Name: "c"}, {Name: "w"}}
	n.pod.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "w", State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ContainerCreating"}}}}
	ctx := t.Context()
	ok := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	image := &runtimeapi.ImageSpec{Image: "i:1"}
	_, err := n.PullImage(ctx, &runtimeapi.PullImageRequest{Image: image})
	ok(err)
	sandbox, err := n.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: &runtimeapi.PodSandboxConfig{Labels: cri.Labels(n.pod, "")}})
	ok(err)
	c, err := n.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{PodSandboxId: sandbox.PodSandboxId, Config: &runtimeapi.ContainerConfig{Image: image, Labels: cri.Labels(n.pod, "c")}})
	ok(err)
	_, err = n.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: c.ContainerId})
	ok(err)
	mux := http.NewServeMux()
	(&Server{NodeName: "node1", Pods: n, Runtime: n, RootDir: t.TempDir(), Probes: prometheus.NewRegistry()}).Routes(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return n, server.URL
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestLogs(t *testing.T) {
	_, url := serve(t)
	for path, want := range map[string]string{
		"ns/p/c":                                "200 one\ntwo\n",
		"ns/p/c?tailLines=1":                    "200 two\n",
		"ns/p/c?limitBytes=2":                   "200 on",
		"ns/p/c?timestamps=true&tailLines=1":    "200 2026-11-24T10:00:01Z two\n",
		"ns/p/c?sinceTime=2026-11-24T10:00:01Z": "200 two\n",
		"ns/p/c?previous=true":                  "400 previous terminated container \"c\" in pod \"p\" not found\n",
		"ns/p/c?tailLines=x":                    "400 tailLines=\"x\": give a number of 0 or more\n",
		"ns/p/c?stream=nonsense":                "400 stream=\"nonsense\": use All, Stdout or Stderr\n",
		"ns/p/w":                                "400 container \"w\" in pod \"p\" is waiting to start: ContainerCreating\n",
		"ns/p/none":                             "404 container \"none\" not found in pod \"p\"\n",
		"ns/none/c":                             "404 pod \"none\" not found in namespace \"ns\"\n",
	} {
		code, body := get(t, url+"/containerLogs/"+path)
		if got := fmt.Sprint(code, " ", body); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestFollowedLogEndsWithItsContainer(t *testing.T) {
	n, url := serve(t)
	r, err := http.Get(url + "/containerLogs/ns/p/c?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	first := make([]byte, len("one\ntwo\n"))
	if _, err := io.ReadFull(r.Body, first); err != nil || string(first) != "one\ntwo\n" {
		t.Fatalf("%q, %v", first, err)
	}
	f, err := os.OpenFile(n.log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("2026-11-24T10:00:02Z stdout F three\n"); err != nil {
		t.Fatal(err)
	}
	close(n.ended)
	rest, err := io.ReadAll(r.Body)
	if err != nil || string(rest) != "three\n" {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestPodsAndStats(t *testing.T) {
	_, url := serve(t)
	_, body := get(t, url+"/pods")
	var list v1.PodList
	if err := json.Unmarshal([]byte(body), &list); err != nil || list.Kind != "PodList" || len(list.Items) != 1 || list.Items[0].Name != "p" {
		t.Errorf("/pods: %s, %v", body, err)
	}
	_, body = get(t, url+"/stats/summary")
	var summary stats.Summary
	if err := json.Unmarshal([]byte(body), &summary); err != nil {
		t.Fatal(err)
	}
	if len(summary.Pods) != 1 || summary.Pods[0].PodRef.UID != "u" || *summary.Pods[0].Containers[0].Memory.WorkingSetBytes != 4096 || summary.Node.NodeName != "node1" {
		t.Errorf("/stats/summary: %s", body)
	}
	_, body = get(t, url+"/metrics/resource")
	for _, want := range []string{
		`container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 1.5`,
		`pod_memory_working_set_bytes{namespace="ns",pod="p"} 4096`, "node_cpu_usage_seconds_total ", "resource_scrape_error 0",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics/resource lacks %s:\n%s", want, body)
		}
	}
}

// TestExecPassesTheConnectionOn lets a runtime's streaming server that speaks a
// made-up protocol take over the client's connection.
func TestExecPassesTheConnectionOn(t *testing.T) {
	n, url := serve(t)
	streaming := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/exec/token" || r.Header.Get("Upgrade") != "echo" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		fmt.Fprint(conn, "echo "+line)
	}))
	defer streaming.Close()
	n.url = streaming.URL + "/exec/token"
	request, err := http.NewRequest(http.MethodPost, url+"/exec/ns/p/c?command=sh&input=1&output=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "echo")
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answered %s", answer.Status)
	}
	conn := answer.Body.(io.ReadWriteCloser)
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, conn); err != nil || b.String() != "echo hello\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestExecRefusals(t *testing.T) {
	_, url := serve(t)
	for path, want := range map[string]string{
		"/exec/ns/p/c?output=1":            "400 you must specify a command\n",
		"/exec/ns/p/c?command=sh":          "400 you must specify at least one of stdin, stdout, stderr\n",
		"/exec/ns/p/w?command=sh&output=1": "404 container not found (\"w\")\n",
		"/attach/ns/p/c?output=1":          "500 rpc error: code = Unimplemented desc = a fake container cannot be attached to: it has no process\n",
		"/portForward/ns/none":             "404 pod \"none\" not found in namespace \"ns\"\n",
	} {
		code, body := get(t, url+path)
		if got := fmt.Sprint(code, " ", body); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestAttributes(t *testing.T) {
	attributes := Attributes("node1")
	for path, want := range map[string]string{
		"GET /pods": "get nodes/proxy", "POST /exec/a/b/c": "create nodes/proxy", "GET /metrics": "get nodes/metrics",
		"GET /metrics/resource": "get nodes/metrics", "GET /stats/summary": "get nodes/stats", "GET /logs/x": "get nodes/log",
		"GET /statsx": "get nodes/proxy", "GET /containerLogs/a/b/c": "get nodes/proxy",
	} {
		method, path, _ := strings.Cut(path, " ")
		a := attributes(httptest.NewRequest(method, path, nil)).Resource
		if got := a.Verb + " " + a.Resource + "/" + a.Subresource; got != want || a.Name != "node1" {
			t.Errorf("%s %s: %s of %s, want %s", method, path, got, a.Name, want)
		}
	}
}
