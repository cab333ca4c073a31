package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/internal/fakeapi"
)

// criRuntime is ready; its network is once a test says so.
type criRuntime struct {
	cri.Runtime
	mu      sync.Mutex
	network bool
}

func (r *criRuntime) setNetwork(ready bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.network = ready
}

func (r *criRuntime) Status(context.Context, *runtimeapi.StatusRequest) (*runtimeapi.StatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &runtimeapi.StatusResponse{Status: &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{
		{Type: runtimeapi.RuntimeReady, Status: true},
		{Type: runtimeapi.NetworkReady, Status: r.network, Reason: "NetworkPluginNotReady", Message: "cni plugin not initialized"},
	}}}, nil
}
func (*criRuntime) Version(context.Context, *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{RuntimeName: "containerd", RuntimeVersion: "1.6.20"}, nil
}
func (*criRuntime) ListImages(context.Context, *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error) {
	return &runtimeapi.ListImagesResponse{Images: []*runtimeapi.Image{{Id: "i", RepoTags: []string{"b", "a"}, Size: 7}}}, nil
}

// world is a node's manager with what is around it.
type world struct {
	t       *testing.T
	client  *fakeapi.API
	runtime *criRuntime
	events  *record.FakeRecorder
	mu      sync.Mutex
	network []string // what NetworkReady was told
	cidrs   []string // what Configure was called with
	*Manager
}

func newWorld(t *testing.T, existing *v1.Node) *world {
	w := &world{t: t, client: fakeapi.New(), runtime: &criRuntime{}, events: record.NewFakeRecorder(100)}
	if existing != nil {
		if _, err := w.client.CoreV1().Nodes().Create(t.Context(), existing, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w.Manager = New(Config{
		Name: "node1", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.2")}, Port: 10250, MaxPods: 110, Version: "v1.37.2",
		Labels: map[string]string{"disk": "ssd"}, Taints: []v1.Taint{{Key: "k", Effect: v1.TaintEffectNoSchedule}},
		Facts: Facts{
			Info:     v1.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64"},
			Capacity: v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("1Gi")},
		},
		Client: w.client, Recorder: w.events, Runtime: w.runtime,
		Configure: func(cidrs []netip.Prefix) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.cidrs = append(w.cidrs, fmt.Sprint(cidrs))
			w.runtime.setNetwork(true) // as a runtime does that reads its configuration
			return nil
		},
		NetworkReady: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.network = append(w.network, fmt.Sprint(err))
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return w
}

func (w *world) until(what string, cond func(*v1.Node) bool) *v1.Node {
	w.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		node, err := w.client.CoreV1().Nodes().Get(context.Background(), "node1", metav1.GetOptions{})
		if err == nil && cond(node) {
			return node
		}
		if err != nil && !apierrors.IsNotFound(err) {
			w.t.Fatal(err)
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("it never came to be that %s; last seen %+v", what, node)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// readiness is "True KubeletReady" and the like.
func readiness(n *v1.Node) string {
	for _, c := range n.Status.Conditions {
		if c.Type == v1.NodeReady {
			return string(c.Status) + " " + c.Reason
		}
	}
	return ""
}

func TestNodeBecomesReadyWithItsNetwork(t *testing.T) {
	w := newWorld(t, nil)
	n := w.until("it is registered", func(n *v1.Node) bool { return readiness(n) == "False KubeletNotReady" })
	for label, want := range map[string]string{"kubernetes.io/hostname": "node1", "kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64", "disk": "ssd"} {
		if n.Labels[label] != want {
			t.Errorf("label %s is %q, want %q", label, n.Labels[label], want)
		}
	}
	if len(n.Spec.Taints) != 1 || n.Status.NodeInfo.ContainerRuntimeVersion != "containerd://1.6.20" || n.Status.DaemonEndpoints.KubeletEndpoint.Port != 10250 {
		t.Errorf("node %+v", n)
	}
	if got := n.Status.Allocatable.Memory().String() + " " + n.Status.Capacity.Pods().String(); got != "924Mi 110" {
		t.Errorf("allocatable memory and pods: %s", got)
	}
	w.client.Await(t, "nodes", 1)
	n.Spec.PodCIDR, n.Spec.PodCIDRs = "10.1.2.0/24", []string{"10.1.2.0/24"}
	if _, err := w.client.CoreV1().Nodes().Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("it is ready", func(n *v1.Node) bool { return readiness(n) == "True KubeletReady" })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cidrs[0] != "[10.1.2.0/24]" || w.network[len(w.network)-1] != "<nil>" || !strings.Contains(w.network[0], "cni plugin not initialized") {
		t.Errorf("configured %v, told %v", w.cidrs, w.network)
	}
	var reasons []string
	for !slices.Contains(reasons, "NodeReady") {
		select {
		case e := <-w.events.Events:
			reasons = append(reasons, strings.Fields(e)[1])
		case <-time.After(30 * time.Second):
			t.Fatalf("no NodeReady among the events %v", reasons)
		}
	}
	if reasons[0] != "Starting" {
		t.Errorf("events %v", reasons)
	}
}

func TestNodeThatIsThereIsTakenOver(t *testing.T) {
	old := metav1.NewTime(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	w := newWorld(t, &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node1", UID: "u", Labels: map[string]string{"theirs": "kept", "disk": "hdd"}},
		Spec:       v1.NodeSpec{PodCIDR: "10.1.2.0/24", Unschedulable: true},
		Status: v1.NodeStatus{Conditions: []v1.NodeCondition{
			{Type: "example.com/Theirs", Status: v1.ConditionTrue},
			{Type: v1.NodeReady, Status: v1.ConditionTrue, LastTransitionTime: old},
		}},
	})
	n := w.until("it is ready and labeled", func(n *v1.Node) bool {
		return readiness(n) == "True KubeletReady" && n.Labels["disk"] == "ssd" && n.Status.NodeInfo.KubeletVersion != ""
	})
	if n.Labels["theirs"] != "kept" || !n.Spec.Unschedulable || len(n.Spec.Taints) != 0 || n.UID != "u" {
		t.Errorf("node %+v", n)
	}
	if n.Status.Conditions[0].Type != "example.com/Theirs" {
		t.Errorf("conditions %+v", n.Status.Conditions)
	}
}

func TestDeletedNodeIsRegisteredAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.client.Await(t, "nodes", 1)
	if err := w.client.CoreV1().Nodes().Delete(t.Context(), "node1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("it is back", func(*v1.Node) bool { return true })
}

func TestLease(t *testing.T) {
	w := newWorld(t, nil)
	deadline := time.Now().Add(30 * time.Second)
	for {
		l, err := w.client.CoordinationV1().Leases("kube-node-lease").Get(t.Context(), "node1", metav1.GetOptions{})
		if err == nil {
			if *l.Spec.HolderIdentity != "node1" || *l.Spec.LeaseDurationSeconds != 40 {
				t.Errorf("lease %+v", l.Spec)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestFactsOfThisHost(t *testing.T) {
	f, err := ReadFacts(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if f.Capacity.Cpu().Value() < 1 || f.Capacity.Memory().Value() < 1<<20 || f.Info.KernelVersion == "" || f.Info.BootID == "" {
		t.Errorf("facts %+v", f)
	}
	if cpu, err := CPUUsage(); err != nil || cpu <= 0 {
		t.Errorf("cpu %v, %v", cpu, err)
	}
	if used, available, err := MemoryUsage(); err != nil || used == 0 || available == 0 {
		t.Errorf("memory %d %d, %v", used, available, err)
	}
	if BootTime().IsZero() || BootTime().After(time.Now()) {
		t.Errorf("booted at %v", BootTime())
	}
}

func TestPressureConditions(t *testing.T) {
	for _, c := range (Pressures{Disk: true}).conditions() {
		want := v1.ConditionFalse
		if c.Type == v1.NodeDiskPressure {
			want = v1.ConditionTrue
		}
		if c.Status != want {
			t.Errorf("%s is %s", c.Type, c.Status)
		}
	}
}
