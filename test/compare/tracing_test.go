package compare

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"slowmo/pkg/component/tracing/tracingtest"
	"slowmo/test/live"
)

// traced are requests whose spans are compared.
var traced = []step{
	{Do: "POST /api/v1/namespaces/default/configmaps", Raw: `{"metadata":{"name":"a"}}`},
	{Do: "GET /api/v1/namespaces/default/configmaps/a"},
	{Do: "GET /api/v1/namespaces/default/configmaps?resourceVersion=0"},
	{Do: "PUT /api/v1/namespaces/default/configmaps/a", Raw: `{"metadata":{"name":"a"},"data":{"k":"v"}}`},
	{Do: "PATCH /api/v1/namespaces/default/configmaps/a", Type: "merge", Raw: `{"data":{"k":"w"}}`},
	{Do: "GET /api/v1/namespaces/default/configmaps/b"},
	{Do: "GET /version"},
	{Do: "GET /api/v1/namespaces/default/configmaps", Header: map[string]string{"Authorization": "Bearer bob"}},
	{Do: "GET /api/v1/nodes", Header: map[string]string{"Authorization": "Bearer nobody"}},
}

// TestSpans sends the same requests to both servers, each with a collector, and
// compares what the collectors are told.
func TestSpans(t *testing.T) {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(administrator+",admin,1,system:masters\nbob,bob,2,devs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var seen [2]string
	var both sync.WaitGroup
	for i, who := range []string{"theirs", "ours"} {
		collector, port := tracingtest.Start(t), live.FreePort(t)
		config := filepath.Join(dir, who+".yaml")
		text := "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nsamplingRatePerMillion: 1000000\nendpoint: " + collector.Endpoint
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		flags := []string{"--secure-port", fmt.Sprint(port), "--cert-dir", filepath.Join(dir, who), "--token-auth-file", tokens, "--tracing-config-file", config,
			"--service-cluster-ip-range", "10.96.0.0/16", "--disable-admission-plugins", "ServiceAccount", "--advertise-address", "192.0.2.2"}
		var process *exec.Cmd
		if upstream := filepath.Join(live.Bin, "upstream"); who == "theirs" {
			process, _ = live.StartUpstream(t, filepath.Join(upstream, "etcd"), filepath.Join(upstream, "kube-apiserver"), filepath.Join(dir, "etcd"), dir, flags...)
		} else {
			process = live.Launch(t, *ours, append(flags, "--data-dir", filepath.Join(dir, "data"))...)
		}
		both.Go(func() {
			s := newServer(port)
			s.begin()
			if err := s.await(t); err != nil {
				t.Error(err)
				return
			}
			for n, step := range traced {
				step.Header = maps.Clone(step.Header)
				if step.Header == nil {
					step.Header = map[string]string{}
				}
				step.Header["User-Agent"] = fmt.Sprintf("step-%02d", n)
				if _, err := s.do(t.Context(), step); err != nil {
					t.Error(err)
				}
			}
			if err := process.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			_ = process.Wait()
			seen[i] = spansOf(collector)
		})
	}
	both.Wait()
	if seen[0] != seen[1] {
		t.Errorf("upstream's spans are\n%s\nours are\n%s", seen[0], seen[1])
	}
}

// ownReads are spans in which each server goes its own way: upstream reads single
// objects in etcd, over gRPC, and we in the cache, those that admission needs too.
var ownReads = regexp.MustCompile(` *(Get etcd3|cacher\.Get|etcdserverpb\..*)\n`)

// spansOf shows the trees of the steps, each below the request that it is about.
func spansOf(c *tracingtest.Collector) string {
	var trees []string
	for _, root := range c.Trees() {
		request := root.Find(func(s *tracingtest.Span) bool {
			return strings.HasPrefix(s.Attributes()["user_agent.original"], "step-")
		})
		if request == nil {
			continue
		}
		said := request.Attributes()
		keys := slices.Sorted(maps.Keys(said))
		trees = append(trees, fmt.Sprintf("%s %s %q\n%s", said["user_agent.original"], said["http.target"], keys, ownReads.ReplaceAllString(root.String(), "")))
	}
	slices.Sort(trees)
	return strings.Join(trees, "")
}
