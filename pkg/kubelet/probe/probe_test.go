package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/plan"
)

func TestHTTP(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			if r.UserAgent() != "kube-probe/1.37" || r.Header.Get("X-A") != "b" || r.Host != "example.com" || r.URL.RawQuery != "q=1" {
				w.WriteHeader(http.StatusTeapot)
			}
			fmt.Fprint(w, "fine")
		case "/there":
			http.Redirect(w, r, "/ok?q=1", http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, "https://192.0.2.1/", http.StatusFound)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	number, _ := strconv.Atoi(port)
	target := Target{PodIP: host, Container: &v1.Container{Ports: []v1.ContainerPort{{Name: "web", ContainerPort: int32(number)}}}}
	headers := []v1.HTTPHeader{{Name: "X-A", Value: "b"}, {Name: "Host", Value: "example.com"}}
	for _, c := range []struct {
		path   string
		port   intstr.IntOrString
		want   Result
		output string
	}{
		{"/ok?q=1", intstr.FromInt(number), Success, "fine"},
		{"/ok?q=1", intstr.FromString("web"), Success, "fine"},
		{"/elsewhere", intstr.FromInt(number), Success, ""}, // not followed: 302 passes
		{"/bad", intstr.FromInt(number), Failure, "HTTP probe failed with statuscode: 500"},
		{"/ok", intstr.FromString("nope"), Unknown, "couldn't find port: nope"},
		{"/ok", intstr.FromInt(1), Failure, "connection refused"},
	} {
		probe := &v1.Probe{TimeoutSeconds: 5, ProbeHandler: v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{
			Path: c.path, Port: c.port, Scheme: v1.URISchemeHTTPS, HTTPHeaders: headers,
		}}}
		got, output := target.Check(t.Context(), probe)
		if got != c.want || !strings.Contains(output, c.output) {
			t.Errorf("%s %s: %v %q, want %v %q", c.path, c.port.String(), got, output, c.want, c.output)
		}
	}
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := Target{PodIP: "127.0.0.1", Container: &v1.Container{}}
	probe := &v1.Probe{ProbeHandler: v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromInt(l.Addr().(*net.TCPAddr).Port)}}}
	if got, output := target.Check(t.Context(), probe); got != Success {
		t.Errorf("open: %v %q", got, output)
	}
	l.Close()
	if got, output := target.Check(t.Context(), probe); got != Failure || !strings.Contains(output, "connection refused") {
		t.Errorf("closed: %v %q", got, output)
	}
}

func TestGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, checks := grpc.NewServer(), health.NewServer()
	healthpb.RegisterHealthServer(server, checks)
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	defer wg.Wait()
	defer server.Stop()
	checks.SetServingStatus("bad", healthpb.HealthCheckResponse_NOT_SERVING)
	target := Target{PodIP: "127.0.0.1", Container: &v1.Container{}}
	for service, want := range map[string]string{"": "", "bad": `service unhealthy (responded with "NOT_SERVING")`, "none": "error: health rpc probe failed"} {
		got, output := target.Check(t.Context(), &v1.Probe{TimeoutSeconds: 10, ProbeHandler: v1.ProbeHandler{
			GRPC: &v1.GRPCAction{Port: int32(l.Addr().(*net.TCPAddr).Port), Service: &service},
		}})
		if (got == Success) != (want == "") || !strings.Contains(output, want) {
			t.Errorf("service %q: %v %q, want %q", service, got, output, want)
		}
	}
}

// script is a container whose probes, told apart by their command, answer in
// turn: "0" and "1" are exit codes; the last one stays.
type script struct {
	cri.Containers
	mu      sync.Mutex
	answers map[string]string
	asked   []string
	start   time.Time
}

func (s *script) ExecSync(_ context.Context, r *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.Cmd[0]
	s.asked = append(s.asked, fmt.Sprintf("%s@%v", name, time.Since(s.start)))
	left := s.answers[name]
	if len(left) > 1 {
		s.answers[name] = left[1:]
	}
	return &runtimeapi.ExecSyncResponse{ExitCode: int32(left[0] - '0'), Stderr: []byte("said")}, nil
}

func command(name string, change ...func(*v1.Probe)) *v1.Probe {
	p := &v1.Probe{PeriodSeconds: 10, ProbeHandler: v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{name}}}}
	for _, c := range change {
		c(p)
	}
	return p
}

func TestRunner(t *testing.T) {
	after := func(n int32) func(*v1.Probe) { return func(p *v1.Probe) { p.FailureThreshold = n } }
	delay := func(n int32) func(*v1.Probe) { return func(p *v1.Probe) { p.InitialDelaySeconds = n } }
	twice := func(p *v1.Probe) { p.SuccessThreshold = 2 }
	for _, c := range []struct {
		name     string
		c        v1.Container
		answers  map[string]string
		before   plan.Health
		run      time.Duration
		want     string // each health in turn
		asked    int
		reported int
	}{
		{"no probes", v1.Container{}, nil, plan.Health{}, time.Hour, "[{true true }]", 0, 0},
		{"ready at once", v1.Container{ReadinessProbe: command("r")}, map[string]string{"r": "0"}, plan.Health{}, 5 * time.Second, "[{true false } {true true }]", 1, 0},
		{"ready after a delay", v1.Container{ReadinessProbe: command("r", delay(30))}, map[string]string{"r": "0"}, plan.Health{}, 35 * time.Second, "[{true false } {true true }]", 1, 0},
		{"ready, not, ready", v1.Container{ReadinessProbe: command("r", after(2))}, map[string]string{"r": "010110"}, plan.Health{}, 55 * time.Second, "[{true false } {true true } {true false } {true true }]", 6, 3},
		{"two successes wanted", v1.Container{ReadinessProbe: command("r", twice)}, map[string]string{"r": "0100"}, plan.Health{}, 35 * time.Second, "[{true false } {true true }]", 4, 1},
		{"liveness fails three times", v1.Container{LivenessProbe: command("l", after(3))}, map[string]string{"l": "01101110"}, plan.Health{}, time.Hour, "[{true true } {true true liveness}]", 7, 5},
		{"startup holds the others back", v1.Container{StartupProbe: command("s", after(9)), LivenessProbe: command("l"), ReadinessProbe: command("r")},
			map[string]string{"s": "110", "l": "0", "r": "0"}, plan.Health{}, 25 * time.Second, "[{false false } {true false } {true true }]", 5, 2},
		{"startup never passes", v1.Container{StartupProbe: command("s", after(2))}, map[string]string{"s": "1"}, plan.Health{}, time.Hour, "[{false true } {false true startup}]", 2, 2},
		{"taken over as ready", v1.Container{StartupProbe: command("s"), ReadinessProbe: command("r")}, map[string]string{"r": "0"}, plan.Health{Started: true, Ready: true}, 5 * time.Second, "[{true true }]", 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: c.answers, start: time.Now()}
				var mu sync.Mutex
				var seen []plan.Health
				var reported int
				var r *Runner
				note := func() {
					mu.Lock()
					defer mu.Unlock()
					seen = append(seen, r.Health())
				}
				r = Start(t.Context(), Options{
					Target: Target{Container: &c.c, Runtime: s}, StartedAt: time.Now(), Before: c.before, Changed: note,
					Report: func(_, _, _ string) { reported++ },
					Count:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x"}, []string{"probe_type", "result"}),
				})
				note()
				time.Sleep(c.run)
				r.Stop()
				if got := fmt.Sprint(seen); got != c.want {
					t.Errorf("health %s, want %s", got, c.want)
				}
				if len(s.asked) != c.asked || reported != c.reported {
					t.Errorf("asked %v (want %d), reported %d (want %d)", s.asked, c.asked, reported, c.reported)
				}
			})
		})
	}
}

func TestOnlyReadinessGoesOnInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: map[string]string{"l": "0", "r": "0"}, start: time.Now()}
		r := Start(t.Context(), Options{
			Target:    Target{Container: &v1.Container{LivenessProbe: command("l"), ReadinessProbe: command("r")}, Runtime: s},
			StartedAt: time.Now(), Changed: func() {}, Report: func(_, _, _ string) {},
			Count: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x"}, []string{"probe_type", "result"}),
		})
		time.Sleep(5 * time.Second)
		r.OnlyReadiness()
		time.Sleep(10 * time.Second)
		r.Stop()
		if got := fmt.Sprint(s.asked); strings.Count(got, "l@") != 1 || strings.Count(got, "r@") != 2 {
			t.Errorf("asked %s", got)
		}
	})
}

func TestHooks(t *testing.T) {
	s := &script{answers: map[string]string{"ok": "0", "bad": "1"}, start: time.Now()}
	target := Target{Container: &v1.Container{}, Runtime: s}
	for name, want := range map[string]Result{"ok": Success, "bad": Failure} {
		if got, output := target.Hook(t.Context(), &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{name}}}); got != want {
			t.Errorf("%s: %v %q", name, got, output)
		}
	}
	if got, _ := target.Hook(t.Context(), &v1.LifecycleHandler{}); got != Unknown {
		t.Errorf("an empty hook: %v", got)
	}
}
