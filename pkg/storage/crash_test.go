package storage_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"slowmo/pkg/api"
	"slowmo/pkg/etcd"
	"slowmo/pkg/storage"
)

// crashDir names the variable that makes the test binary the process to be killed.
const crashDir = "STORAGE_TEST_CRASH_DIR"

// writeUntilKilled creates objects from several goroutines and prints the name of each
// once its write is acknowledged.
func writeUntilKilled(dir string) error {
	ctx := context.Background()
	m, err := etcd.Start(ctx, etcd.NewConfig(dir))
	if err != nil {
		return err
	}
	maps := configMaps()
	s, err := storage.Open(ctx, m.Etcd(), []*api.Resource{maps})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { err = errors.Join(err, s.Run(ctx)) })
	var mu sync.Mutex
	pid := os.Getpid()
	for i := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				r, err := s.Collection(maps).Create(ctx, configMap("default", fmt.Sprintf("p%d-w%d-%d", pid, i, n), "k=v"))
				if err != nil {
					return
				}
				mu.Lock()
				fmt.Println(r.Name)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return err
}

// TestKill kills a writing process again and again; what it was told is written
// is there.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashDir+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if name := lines.Text(); strings.Count(name, "-") == 2 {
				acknowledged = append(acknowledged, name)
			}
			if n == 100 {
				child.Process.Kill()
			}
		}
		if err := child.Wait(); err == nil || child.ProcessState.ExitCode() != -1 {
			t.Fatalf("the child ended by itself: %v", err)
		}
	}
	m, err := etcd.Start(t.Context(), etcd.NewConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	w, _ := run(t, m.Etcd())
	for _, name := range acknowledged {
		if _, err := w.maps.Get(t.Context(), "default", name, storage.Any); err != nil {
			t.Error(err)
		}
	}
	if len(acknowledged) < 500 {
		t.Errorf("only %d writes", len(acknowledged))
	}
}
