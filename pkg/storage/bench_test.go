package storage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// samplePod returns a pod of the size that clusters have.
var samplePod = sync.OnceValues(func() (*corev1.Pod, error) {
	data, err := os.ReadFile("testdata/pod.json")
	if err != nil {
		return nil, err
	}
	pod := &corev1.Pod{}
	return pod, json.Unmarshal(data, pod)
})

func bigPod(t testing.TB, name string) *corev1.Pod {
	pod, err := samplePod()
	if err != nil {
		t.Fatal(err)
	}
	pod = pod.DeepCopy()
	pod.Name = name
	return pod
}

// spread runs f(0) to f(b.N-1) from n goroutines.
func spread(b *testing.B, n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	cpu := processorTime(b)
	b.ResetTimer()
	for range n {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64((processorTime(b)-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkCreate(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			w := embedded(b)
			name := strings.ReplaceAll(b.Name(), "/", "-")
			spread(b, writers, func(i int) {
				create(b, w.pods, bigPod(b, fmt.Sprintf("%s-%d-%d", name, b.N, i)))
			})
		})
	}
}

func BenchmarkModify(b *testing.B) {
	w := embedded(b)
	for i := range 1000 {
		create(b, w.pods, bigPod(b, fmt.Sprint("p", i)))
	}
	spread(b, 16, func(i int) {
		set(b, w.pods, "default", fmt.Sprint("p", i%1000), func(p *corev1.Pod) { p.Status.Message = fmt.Sprint(i) })
	})
}

func BenchmarkGet(b *testing.B) {
	w := embedded(b)
	for i := range 5000 {
		create(b, w.pods, bigPod(b, fmt.Sprint("p", i)))
	}
	for name, revision := range map[string]int64{"any": storage.Any, "consistent": storage.Consistent} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			spread(b, 16, func(i int) {
				r, err := w.pods.Get(context.Background(), "default", fmt.Sprint("p", i%5000), revision)
				if err != nil {
					b.Error(err)
				} else if _, err = r.Bytes(jsonForm); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

func BenchmarkList5000(b *testing.B) {
	w := embedded(b)
	for i := range 5000 {
		create(b, w.pods, bigPod(b, fmt.Sprint("p", i)))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		page, err := w.pods.List(context.Background(), storage.ListOptions{})
		if err != nil || len(page.Records) != 5000 {
			b.Fatal(err)
		}
		for _, r := range page.Records {
			if _, err := r.Bytes(jsonForm); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkWatch has 200 watchers follow updates, each of which is encoded once.
func BenchmarkWatch200(b *testing.B) {
	w := embedded(b)
	create(b, w.maps, configMap("default", "a", "k="+strings.Repeat("x", 1000)))
	var encoded, delivered atomic.Int64
	form := &storage.Form{Encode: func(obj api.Object) ([]byte, error) { encoded.Add(1); return json.Marshal(obj) }}
	var wg sync.WaitGroup
	for range 200 {
		watcher := follow(b, w.maps, storage.WatchOptions{Revision: w.store.Revision()})
		wg.Go(func() {
			for n := 0; n < b.N; {
				events, err := watcher.Next()
				if err != nil {
					b.Error(err)
					return
				}
				for _, e := range events {
					if _, err := e.Record.Bytes(form); err != nil {
						b.Error(err)
					}
				}
				n += len(events)
				delivered.Add(int64(len(events)))
			}
		})
	}
	cpu := processorTime(b)
	b.ResetTimer()
	for i := range b.N {
		set(b, w.maps, "default", "a", func(m *corev1.ConfigMap) { m.Data["n"] = fmt.Sprint(i) })
	}
	wg.Wait()
	b.ReportMetric(float64(delivered.Load())/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64((processorTime(b)-cpu).Nanoseconds())/1000/float64(delivered.Load()), "cpu-µs/delivery")
	if encoded.Load() != int64(b.N) {
		b.Errorf("%d encodings of %d changes", encoded.Load(), b.N)
	}
}
