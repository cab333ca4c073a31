package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How much the servers are loaded with: what the peer's figures were measured with.
const (
	clients = 16
	podsMax = 5000
	gets    = 20000
	lists   = 20
)

const podsPath = "/api/v1/namespaces/default/pods"

// The shapes in which the pods are listed.
const (
	asJSON     = "application/json"
	asProtobuf = "application/vnd.kubernetes.protobuf"
	asTable    = "application/json;as=Table;v=v1;g=meta.k8s.io"
)

// BenchmarkPods makes 5,000 pods, reads them one by one and lists them.
func BenchmarkPods(b *testing.B) {
	var ours, theirs figures
	for range b.N {
		ours, theirs = bothServers(b, measurePods)
	}
	for _, g := range []goal{
		{figure: "create a pod, 16 clients /s", more: true, factor: 4, peer: 823},
		{figure: "create a pod, 16 clients, CPU ms", factor: 4, peer: 2.17},
		{figure: "create a pod, 16 clients, p50 ms", peer: 17.7},
		{figure: "get a pod, 16 clients /s", more: true, factor: 5, peer: 2099},
		{figure: "get a pod, 16 clients, CPU ms", factor: 5, peer: 0.73},
		{figure: "list 5000 pods, JSON ms", factor: 8, peer: 250},
		{figure: "list 5000 pods, JSON, CPU ms", factor: 8, peer: 240},
		{figure: "list 5000 pods, protobuf ms", factor: 6, peer: 135},
		{figure: "list 5000 pods, protobuf, CPU ms", factor: 6, peer: 127},
		{figure: "list 5000 pods, Table ms", factor: 6, peer: 156},
		{figure: "list 5000 pods, Table, CPU ms", factor: 6, peer: 188},
		{figure: "list 5000 pods, JSON uncompressed ms"},
		{figure: "list 5000 pods, JSON uncompressed, CPU ms"},
		{figure: "resident after 5000 pods made and listed MiB", limit: 150, peer: 558},
		{figure: "resident for one more pod, by its JSON's size x", limit: 2},
	} {
		g.print(b, ours, theirs)
	}
	b.ReportMetric(0, "ns/op")
}

func measurePods(b *testing.B, s *apiServer) figures {
	f := figures{}
	load := s.spread(b, podsMax, func(client *http.Client, i int) {
		s.must(b, client, http.MethodPost, podsPath, asJSON, podBody(i))
	})
	f["create a pod, 16 clients /s"] = load.rate
	f["create a pod, 16 clients, CPU ms"] = load.cpu
	f["create a pod, 16 clients, p50 ms"] = load.p50
	load = s.spread(b, gets, func(client *http.Client, i int) {
		s.must(b, client, http.MethodGet, fmt.Sprintf("%s/pod-%d", podsPath, i%podsMax), asJSON, nil)
	})
	f["get a pod, 16 clients /s"] = load.rate
	f["get a pod, 16 clients, CPU ms"] = load.cpu
	plain, compressing := newClient(), newClient()
	defer plain.CloseIdleConnections()
	defer compressing.CloseIdleConnections()
	compressing.Transport.(*http.Transport).DisableCompression = false // as client-go
	s.lists(b, f, compressing, "JSON", asJSON)
	s.lists(b, f, compressing, "protobuf", asProtobuf)
	s.lists(b, f, compressing, "Table", asTable)
	f["resident after 5000 pods made and listed MiB"] = s.resident(b)
	size := s.lists(b, f, plain, "JSON uncompressed", asJSON)
	f["resident for one more pod, by its JSON's size x"] = s.growth(b, plain) / (float64(size) / podsMax)
	return f
}

// growth returns by how many bytes each of 5,000 more pods makes the server
// larger that are made and listed as JSON.
func (s *apiServer) growth(b *testing.B, client *http.Client) float64 {
	b.Helper()
	settled(b)
	before := s.resident(b)
	s.spread(b, podsMax, func(client *http.Client, i int) {
		s.must(b, client, http.MethodPost, podsPath, asJSON, podBody(podsMax+i))
	})
	s.must(b, client, http.MethodGet, podsPath, asJSON, nil)
	settled(b)
	return (s.resident(b) - before) * (1 << 20) / podsMax
}

// settled waits as long as a load's garbage may stay after it.
func settled(b *testing.B) {
	b.Helper()
	time.Sleep(10 * time.Second) // memory at rest is what is measured
}

// lists measures the list in one shape and returns its size. The first answer
// of a shape is not counted: it is what makes the bytes.
func (s *apiServer) lists(b *testing.B, f figures, client *http.Client, name, accept string) (size int64) {
	b.Helper()
	size = s.must(b, client, http.MethodGet, podsPath, accept, nil)
	var took []time.Duration
	cpu := s.cpu(b)
	for range lists {
		begin := time.Now()
		s.must(b, client, http.MethodGet, podsPath, accept, nil)
		took = append(took, time.Since(begin))
	}
	f["list 5000 pods, "+name+" ms"] = inMs(median(took))
	f["list 5000 pods, "+name+", CPU ms"] = inMs(s.cpu(b)-cpu) / lists
	return size
}

// load is what many requests took: how many a second, and milliseconds each.
type load struct{ rate, cpu, p50 float64 }

// spread makes n requests from 16 clients, each with a connection of its own.
func (s *apiServer) spread(b *testing.B, n int, request func(client *http.Client, i int)) load {
	b.Helper()
	took := make([]time.Duration, n)
	var next atomic.Int64
	var group sync.WaitGroup
	cpu, begin := s.cpu(b), time.Now()
	for range clients {
		group.Go(func() {
			client := newClient()
			defer client.CloseIdleConnections()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				start := time.Now()
				request(client, i)
				took[i] = time.Since(start)
			}
		})
	}
	group.Wait()
	all := time.Since(begin)
	return load{float64(n) / all.Seconds(), inMs(s.cpu(b)-cpu) / float64(n), inMs(median(took))}
}

func inMs(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// podBody is a pod as a client sends it, which is stored as 2 kB of JSON.
func podBody(i int) []byte {
	return bytes.ReplaceAll(pod, []byte("NAME"), fmt.Appendf(nil, "pod-%d", i))
}

var pod = []byte(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"NAME","namespace":"default","labels":{"app":"hello-node","pod-template-hash":"6648755c5d"}},` +
	`"spec":{"containers":[{"name":"hello-node","image":"registry.k8s.io/echoserver:1.4","ports":[{"containerPort":8080,"protocol":"TCP"}],` +
	`"env":[{"name":"GREETING","value":"hello"},{"name":"LOG_LEVEL","value":"info"}],"args":["--verbose","--port=8080"],` +
	`"resources":{"requests":{"cpu":"100m","memory":"64Mi"}}}]}}`)
