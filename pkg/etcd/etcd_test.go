package etcd_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"slowmo/pkg/etcd"
	"slowmo/pkg/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, c etcd.Config) *etcd.Member {
	t.Helper()
	m, err := etcd.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func stop(t testing.TB, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "etcd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func put(t testing.TB, e storage.Etcd, key, value string) int64 {
	t.Helper()
	response, err := e.Client.Put(t.Context(), key, value)
	if err != nil {
		t.Error(err)
		return 0
	}
	return response.Header.Revision
}

func TestMemberKeepsItsData(t *testing.T) {
	c := etcd.NewConfig(filepath.Join(t.TempDir(), "not", "there"))
	m := start(t, c)
	want := put(t, m.Etcd(), "a", "1")
	if got, err := m.Etcd().ReadIndex(t.Context()); err != nil || got != want {
		t.Errorf("read index %d, %v; want %d", got, err, want)
	}
	if size, err := m.Size(t.Context()); err != nil || size <= 0 {
		t.Errorf("size %d, %v", size, err)
	}
	if info, err := os.Stat(c.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory %v, %v", info, err)
	}
	stop(t, m)
	m = start(t, c)
	defer stop(t, m)
	got, err := m.Etcd().Client.Get(t.Context(), "a")
	if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "1" || got.Header.Revision != want {
		t.Errorf("after a restart: %v, %v", got, err)
	}
}

// TestRestartWithALog starts members whose log is longer than what raft keeps of it.
func TestRestartWithALog(t *testing.T) {
	c := etcd.NewConfig(t.TempDir())
	for range 10 {
		m := start(t, c)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for range 20 {
					put(t, m.Etcd(), fmt.Sprint(i), "1")
				}
			})
		}
		wg.Wait()
		stop(t, m)
	}
}

func TestMembersShareAMachine(t *testing.T) {
	a, b := start(t, etcd.NewConfig(t.TempDir())), start(t, etcd.NewConfig(t.TempDir()))
	defer stop(t, a)
	defer stop(t, b)
	put(t, a.Etcd(), "a", "1")
	if got, err := b.Etcd().Client.Get(t.Context(), "a"); err != nil || len(got.Kvs) != 0 {
		t.Errorf("b holds %v, %v", got, err)
	}
}

func TestDirectoryHasOneUser(t *testing.T) {
	c := etcd.NewConfig(t.TempDir())
	m := start(t, c)
	if _, err := etcd.Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second start: %v", err)
	}
	stop(t, m)
	stop(t, start(t, c))
}

func TestBadConfig(t *testing.T) {
	good := etcd.NewConfig("dir")
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		change func(*etcd.Config)
		want   string
	}{
		{func(c *etcd.Config) { c.Dir = "" }, "data directory is empty"},
		{func(c *etcd.Config) { c.Quota = 0 }, "give a positive number"},
		{func(c *etcd.Config) { c.Listen = "localhost:2379" }, "must begin with"},
		{func(c *etcd.Config) { c.Listen = "unix://" }, "names no socket"},
		{func(c *etcd.Config) { c.Listen = "http://0.0.0.0:2379" }, "loopback"},
		{func(c *etcd.Config) { c.Listen = "http://127.0.0.1" }, "with a port"},
	} {
		c := good
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v; want %q", c, err, test.want)
		}
	}
	if _, err := etcd.Dial(nil, nil); err == nil {
		t.Error("Dial without servers")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := etcd.Start(t.Context(), etcd.NewConfig(file)); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestRemoteReadsAMember(t *testing.T) {
	c := etcd.NewConfig(t.TempDir())
	c.Listen = "unix://" + shortDir(t) + "/etcd.sock"
	m := start(t, c)
	r, err := etcd.Dial([]string{c.Listen}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := put(t, r.Etcd(), "a", "1")
	if got, err := r.Etcd().ReadIndex(t.Context()); err != nil || got != want {
		t.Errorf("read index %d, %v; want %d", got, err, want)
	}
	if size, err := r.Size(t.Context()); err != nil || size <= 0 {
		t.Errorf("size %d, %v", size, err)
	}
	stop(t, r)
	stop(t, m)
	if _, err := os.Stat(strings.TrimPrefix(c.Listen, "unix://")); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestRemoteUnreachable(t *testing.T) {
	r, err := etcd.Dial([]string{"unix://" + shortDir(t) + "/nobody.sock"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, r)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Etcd().ReadIndex(ctx); err == nil {
		t.Error("read index of nobody")
	}
	if _, err := r.Size(ctx); err == nil {
		t.Error("size of nobody")
	}
}

// BenchmarkStart measures from nothing to ready.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		m := start(b, etcd.NewConfig(b.TempDir()))
		b.StopTimer()
		stop(b, m)
		b.StartTimer()
	}
}

// BenchmarkPut is the floor for the store's writes: guarded transactions of a
// pod's size, nothing else.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			m := start(b, etcd.NewConfig(b.TempDir()))
			defer stop(b, m)
			kv, value := m.Etcd().Client, strings.Repeat("x", 1300)
			var next atomic.Int64
			var wg sync.WaitGroup
			cpu := processorTime(b)
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						key := fmt.Sprint("/registry/pods/default/p", i)
						_, err := kv.Txn(b.Context()).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
							Then(clientv3.OpPut(key, value)).Commit()
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
			b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
