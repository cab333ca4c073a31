package standalone

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/test/live"
)

const patience = time.Minute

// TestAPIServerAlone: what it is not given it makes, and it is empty.
func TestAPIServerAlone(t *testing.T) {
	s := live.NewAPIServer(t)
	s.Start(t)
	for name, mode := range map[string]os.FileMode{"ca.crt": 0o644, "ca.key": 0o600, "apiserver.crt": 0o644, "apiserver.key": 0o600, "sa.key": 0o600, "admin.kubeconfig": 0o600} {
		info, err := os.Stat(filepath.Join(s.Dir, "certs", name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %o, want %o", name, info.Mode().Perm(), mode)
		}
	}
	if out := s.Kubectl(t, "", "get", "namespaces", "-o", "name"); out != "namespace/default\nnamespace/kube-node-lease\nnamespace/kube-public\nnamespace/kube-system\n" {
		t.Errorf("namespaces: %q", out)
	}
	if out := s.Kubectl(t, "", "get", "pods,deployments", "-A"); !strings.Contains(out, "No resources found") {
		t.Errorf("an empty server holds %q", out)
	}
	s.Kubectl(t, "", "create", "configmap", "kept", "--from-literal=a=b")
	s.Kill()
	s.Start(t)
	if out := s.Kubectl(t, "", "get", "configmap", "kept", "-o", "jsonpath={.data.a}"); out != "b" {
		t.Errorf("after a restart the config map holds %q", out)
	}
}

// TestNoAcknowledgedWriteIsLost kills the server twenty times, each time while
// a hundred writes are under way, and looks for every one that was answered.
func TestNoAcknowledgedWriteIsLost(t *testing.T) {
	s := live.NewAPIServer(t)
	acknowledged := map[string]string{} // name -> value
	for round := range 20 {
		s.Start(t)
		for name, value := range writeUntilKilled(t, s, round) {
			acknowledged[name] = value
		}
	}
	s.Start(t)
	list, err := s.Client(t).CoreV1().ConfigMaps("default").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, item := range list.Items {
		found[item.Name] = item.Data["value"]
	}
	for name, value := range acknowledged {
		if found[name] != value {
			t.Errorf("%s was acknowledged with %q and is %q", name, value, found[name])
		}
	}
	if len(acknowledged) < 20 {
		t.Errorf("only %d writes were acknowledged: the test killed too early to mean anything", len(acknowledged))
	}
	t.Logf("%d acknowledged writes over 20 kills, all there", len(acknowledged))
}

// writeUntilKilled sends a hundred creates from ten clients and kills the
// server after some were answered; how many differs by round.
func writeUntilKilled(t *testing.T, s *live.APIServer, round int) map[string]string {
	t.Helper()
	var (
		mu       sync.Mutex
		done     = map[string]string{}
		enough   = make(chan struct{})
		once     sync.Once
		writers  sync.WaitGroup
		killAt   = 1 + round*4
		deadline = time.After(patience)
	)
	client := s.Client(t)
	for writer := range 10 {
		writers.Go(func() {
			for i := range 10 {
				name := fmt.Sprintf("r%d-w%d-%d", round, writer, i)
				_, err := client.CoreV1().ConfigMaps("default").Create(context.Background(),
					&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"value": name}}, metav1.CreateOptions{})
				if err != nil {
					return
				}
				mu.Lock()
				done[name] = name
				if len(done) >= killAt {
					once.Do(func() { close(enough) })
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-deadline:
		t.Fatalf("round %d: fewer than %d writes were answered", round, killAt)
	}
	s.Kill()
	writers.Wait()
	return done
}
