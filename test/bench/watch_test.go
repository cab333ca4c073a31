package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	watchers    = 200
	updates     = 300
	idleWatches = 10000
	// perConnection is how many watches share a connection: below what servers allow.
	perConnection = 100
)

const mapsPath = "/api/v1/namespaces/default/configmaps"

// BenchmarkWatch has 200 clients watch one object of 1 kB that is changed 300
// times, and 10,000 that watch where nothing happens.
func BenchmarkWatch(b *testing.B) {
	var ours, theirs figures
	for range b.N {
		ours, theirs = bothServers(b, measureWatch)
	}
	for _, g := range []goal{
		{figure: "200 watchers x 300 updates deliveries/s", more: true, peer: 28075},
		{figure: "200 watchers x 300 updates, CPU µs", factor: 5, peer: 37},
		{figure: "10000 idle watches KiB", limit: 15},
	} {
		g.print(b, ours, theirs)
	}
	b.ReportMetric(0, "ns/op")
}

func measureWatch(b *testing.B, s *apiServer) figures {
	f := figures{}
	client := newClient()
	defer client.CloseIdleConnections()
	s.must(b, client, http.MethodPost, mapsPath, asJSON, mapBody(0))
	s.fanOut(b, f, client)
	s.idle(b, f)
	return f
}

// fanOut measures from the first update until the last watcher has seen the last.
func (s *apiServer) fanOut(b *testing.B, f figures, client *http.Client) {
	b.Helper()
	streams := s.watch(b, watchers, "fieldSelector=metadata.name%3Dwatched&resourceVersion=0")
	var group sync.WaitGroup
	for _, stream := range streams {
		skip(b, stream) // the object as it is
	}
	cpu, begin := s.cpu(b), time.Now()
	for _, stream := range streams {
		group.Go(func() {
			for range updates {
				skip(b, stream)
			}
		})
	}
	for i := range updates {
		s.must(b, client, http.MethodPut, mapsPath+"/watched", asJSON, mapBody(i+1))
	}
	group.Wait()
	took := time.Since(begin)
	f["200 watchers x 300 updates deliveries/s"] = watchers * updates / took.Seconds()
	f["200 watchers x 300 updates, CPU µs"] = float64((s.cpu(b) - cpu).Microseconds()) / (watchers * updates)
}

// skip reads one event.
func skip(b *testing.B, stream *bufio.Reader) {
	for {
		_, err := stream.ReadSlice('\n')
		if err == nil {
			return
		}
		if err != bufio.ErrBufferFull {
			b.Errorf("a watch ended: %v", err)
			return
		}
	}
}

// idle measures what a watch costs in memory while nothing happens.
func (s *apiServer) idle(b *testing.B, f figures) {
	b.Helper()
	settled(b)
	before := s.resident(b)
	s.watch(b, idleWatches, "fieldSelector=metadata.name%3Dnone&resourceVersion=0")
	settled(b)
	f["10000 idle watches KiB"] = (s.resident(b) - before) * 1024 / idleWatches
}

// watch starts n watches of the ConfigMaps that query selects. They last until
// the server ends.
func (s *apiServer) watch(b *testing.B, n int, query string) []*bufio.Reader {
	b.Helper()
	streams := make([]*bufio.Reader, n)
	var group sync.WaitGroup
	for from := 0; from < n; from += perConnection {
		group.Go(func() {
			client := newClient()
			for i := from; i < min(from+perConnection, n); i++ {
				answer, err := client.Do(s.request(http.MethodGet, mapsPath+"?watch=1&"+query, asJSON, nil))
				if err != nil || answer.StatusCode != http.StatusOK {
					b.Errorf("watch: %v", err)
					return
				}
				streams[i] = bufio.NewReaderSize(answer.Body, 4<<10)
			}
		})
	}
	group.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return streams
}

// mapBody is the n-th state of the object that is watched.
func mapBody(n int) []byte {
	return bytes.ReplaceAll(watched, []byte("COUNT"), fmt.Appendf(nil, "%05d", n))
}

var watched = []byte(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"watched","namespace":"default"},"data":{"n":"COUNT","x":"` +
	strings.Repeat("x", 700) + `"}}`)
