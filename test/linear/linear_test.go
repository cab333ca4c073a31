package linear

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"slowmo/pkg/etcd"
	"slowmo/test/live"
)

// patience is how long a run may take; one takes some seconds.
const patience = time.Minute

// server is one that is killed and started again while clients use it.
type server struct {
	*live.APIServer
	clients []*kubernetes.Clientset // of several content types
	floor   atomic.Int64            // a version that the server has read everything at, or a later one

	mu sync.Mutex
	up chan struct{} // closed while clients may use it
}

func newServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{APIServer: live.NewAPIServer(t, flags...), up: make(chan struct{})}
	for _, contentType := range []string{"application/json", "application/vnd.kubernetes.protobuf"} {
		config := rest.CopyConfig(s.Config())
		config.ContentType, config.AcceptContentTypes = contentType, contentType
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		s.clients = append(s.clients, client)
	}
	return s
}

func (s *server) client(id int) *kubernetes.Clientset { return s.clients[id%len(s.clients)] }

// run starts the server and lets clients use it.
func (s *server) run(ctx context.Context) error {
	if _, err := s.Run(); err != nil {
		return err
	}
	list, err := s.client(0).CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	floor, err := strconv.ParseInt(list.ResourceVersion, 10, 64)
	if err != nil {
		return err
	}
	s.floor.Store(floor)
	close(s.usable())
	return nil
}

// restart kills the server under its clients and starts it again.
func (s *server) restart(ctx context.Context) error {
	s.mu.Lock()
	s.up = make(chan struct{})
	s.mu.Unlock()
	s.floor.Store(math.MaxInt64)
	s.Kill()
	return s.run(ctx)
}

func (s *server) usable() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// anyUp waits until there is a server that can be used and returns one.
func anyUp(ctx context.Context, random *rand.Rand, servers []*server) (*server, error) {
	for {
		for _, i := range random.Perm(len(servers)) {
			select {
			case <-servers[i].usable():
				return servers[i], nil
			default:
			}
		}
		select {
		case <-servers[0].usable():
		case <-servers[len(servers)-1].usable():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// trial is a run of many clients.
type trial struct {
	seed              uint64
	servers           []*server
	clients, requests int // requests of each client
	watchers          int
	kills             int // spread over the run, of one server after the other
}

// run makes the trial and returns what happened.
func (x trial) run(t *testing.T) *recorder {
	t.Helper()
	t.Logf("seed %d", x.seed)
	r := &recorder{start: time.Now(), progress: make(chan struct{}, 2*len(names)*x.clients*x.requests)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, s := range x.servers {
		if err := s.run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	all, ctx := errgroup.WithContext(ctx)
	for i := range x.watchers {
		w := &watcher{id: i, random: x.random(100 + i), servers: x.servers, recorder: r}
		w.selector = anySelector(w.random)
		all.Go(func() error { return w.run(ctx) })
	}
	all.Go(func() error { return x.write(ctx, r) })
	if err := all.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, x.servers[0].Log())
	}
	return r
}

func (x trial) random(stream int) *rand.Rand { return rand.New(rand.NewPCG(x.seed, uint64(stream))) }

// write has all clients write and a killer kill, and then says that it is over.
func (x trial) write(ctx context.Context, r *recorder) error {
	writers, running := errgroup.WithContext(ctx)
	for i := range x.clients {
		c := &client{id: i, random: x.random(i), servers: x.servers, recorder: r, known: map[string]state{}}
		writers.Go(func() error { return c.run(running, x.requests) })
	}
	writers.Go(func() error { return x.kill(running, r) })
	if err := writers.Wait(); err != nil {
		return err
	}
	last := &client{id: x.clients, random: x.random(x.clients), servers: x.servers, recorder: r, known: map[string]state{}}
	for _, parity := range []string{"0", "1"} {
		for _, name := range names {
			if err := last.send(ctx, x.servers[0], request{verb: apply, name: name, value: "end-" + name + "-" + parity}); err != nil {
				return err
			}
			r.over.CompareAndSwap(0, last.known[name].version)
		}
	}
	return nil
}

// kill waits until some of the requests were answered, and kills; again and again.
func (x trial) kill(ctx context.Context, r *recorder) error {
	for i := range x.kills {
		for range x.clients * x.requests / (x.kills + 1) {
			select {
			case <-r.progress:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := x.servers[i%len(x.servers)].restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// judge looks at what happened.
func (r *recorder) judge(t *testing.T, h history) {
	t.Helper()
	faults := h.checkWrites(r.operations)
	acknowledged := acknowledgements(r.operations)
	for _, l := range r.listings {
		faults = append(faults, l.check(h, acknowledged)...)
	}
	events, expired := 0, 0
	for _, s := range r.sessions {
		events += len(s.events)
		if s.expired {
			expired++
		}
		faults = append(faults, s.check(h, acknowledged)...)
	}
	for _, part := range byName(r.porcupine()) {
		result := porcupine.CheckOperationsTimeout(model, part, patience)
		if result != porcupine.Ok {
			faults = append(faults, fmt.Sprintf("porcupine on %s: %s\n%s", part[0].Input.(request).name, result, visualize(part)))
		}
	}
	for i, fault := range faults {
		if i == 20 {
			t.Errorf("and %d more", len(faults)-i)
			break
		}
		t.Error(fault)
	}
	t.Logf("%d requests, %d changes, %d lists, %d watches with %d events, of which %d expired, in %s", len(r.operations), len(h.changes), len(r.listings), len(r.sessions), events, expired, time.Since(r.start))
}

// visualize writes a page that shows how far an order was found, and returns where it is.
func visualize(part []porcupine.Operation) string {
	_, info := porcupine.CheckOperationsVerbose(model, part, patience)
	file, err := os.CreateTemp("", "linear-*.html")
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if err := porcupine.Visualize(model, info, file); err != nil {
		return err.Error()
	}
	return file.Name()
}

// TestOneServerKilled: the store is the server's own, and goes and comes back with it.
func TestOneServerKilled(t *testing.T) {
	s := newServer(t)
	r := trial{seed: 1, servers: []*server{s}, clients: 6, requests: 250, watchers: 8, kills: 4}.run(t)
	s.Stop(t)
	r.judge(t, readHistory(t, member(t, etcd.NewConfig(s.DataDir()))))
}

// TestTwoServersBehind: two servers of one store, both of which hear of each
// other's writes late, are killed in turn.
func TestTwoServersBehind(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", live.FreePort(t))
	config := etcd.NewConfig(t.TempDir())
	config.Listen = "http://" + address
	store := member(t, config)
	servers := []*server{
		newServer(t, "--etcd-servers", delayed(t, address, 21, 20*time.Millisecond)),
		newServer(t, "--etcd-servers", delayed(t, address, 22, 200*time.Millisecond)),
	}
	r := trial{seed: 2, servers: servers, clients: 6, requests: 100, watchers: 8, kills: 2}.run(t)
	r.judge(t, readHistory(t, store))
}

// member starts an etcd in this process.
func member(t *testing.T, config etcd.Config) *clientv3.Client {
	t.Helper()
	m, err := etcd.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m.Etcd().Client
}
