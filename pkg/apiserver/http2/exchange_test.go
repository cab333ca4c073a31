package http2_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// noise is a reader of size bytes that are the same each time.
func noise(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{}), size)
}

func sum(r io.Reader) (hash.Hash, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return h, n, err
}

// TestLargeBodies sends much both ways at once, as a proxy does.
func TestLargeBodies(t *testing.T) {
	backend := start(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		n, err := io.Copy(w, r.Body)
		if err != nil {
			t.Errorf("echoed %d bytes: %v", n, err)
		}
	})
	to, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = backend.transport(t)
	proxy.FlushInterval = -1
	front := start(t, proxy.ServeHTTP)

	for _, c := range []struct {
		name   string
		size   int64
		server *server
		client func(*http2.Transport)
	}{
		{"wide windows", 50 << 20, backend, func(*http2.Transport) {}},
		{"small frames", 5 << 20, backend, func(t *http2.Transport) { t.MaxReadFrameSize = 16 << 10 }},
		{"through a proxy", 20 << 20, front, func(*http2.Transport) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, err := c.server.transport(t, c.client).RoundTrip(request(t, "POST", c.server.URL, once{noise(c.size)}))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			got, n, err := sum(response.Body)
			if err != nil || n != c.size {
				t.Fatalf("%d of %d bytes, %v", n, c.size, err)
			}
			if want, _, _ := sum(noise(c.size)); !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
				t.Error("the bytes are not those that were sent")
			}
		})
	}
}

// TestTinyWindows has a client that gives little window at a time.
func TestTinyWindows(t *testing.T) {
	const size = 100_000
	s := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, noise(size)) })
	p := s.greet(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	ids := []uint32{1, 3, 5}
	for _, id := range ids {
		p.get(id, "/")
	}
	got := map[uint32]*bytes.Buffer{}
	for _, id := range ids {
		got[id] = &bytes.Buffer{}
		p.do(p.WriteWindowUpdate(id, 1))
	}
	for ended := 0; ended < len(ids); {
		f := p.read(func(f http2.Frame) bool { _, ok := f.(*http2.DataFrame); return ok }).(*http2.DataFrame)
		got[f.StreamID].Write(f.Data())
		if f.StreamEnded() {
			ended++
		} else if n := uint32(len(f.Data())); n > 0 {
			p.do(p.WriteWindowUpdate(f.StreamID, min(2*n, 3000)))
			p.do(p.WriteWindowUpdate(0, n))
		}
	}
	want, _ := io.ReadAll(noise(size))
	for _, id := range ids {
		if !bytes.Equal(got[id].Bytes(), want) {
			t.Errorf("stream %d: %d bytes, not those that were sent", id, got[id].Len())
		}
	}
}

// TestShrunkWindow: a window can become less than nothing.
func TestShrunkWindow(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, noise(1000)) })
	p := s.greet(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 600})
	data := func(f http2.Frame) bool { _, ok := f.(*http2.DataFrame); return ok }
	p.get(1, "/")
	if n := len(p.read(data).(*http2.DataFrame).Data()); n != 600 {
		t.Fatalf("%d bytes in a window of 600", n)
	}
	p.set(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100}) // it is -500 now
	p.do(p.WriteWindowUpdate(1, 510))
	if n := len(p.read(data).(*http2.DataFrame).Data()); n != 10 {
		t.Fatalf("%d bytes in a window of 10", n)
	}
	p.do(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000}))
	if got := p.ending(); got != "answered" {
		t.Error(got)
	}
}

// TestManyWatches: frames of many streams that flush at the same time all come, in order.
func TestManyWatches(t *testing.T) {
	const watches, events = 100, 200
	var barrier sync.WaitGroup
	barrier.Add(watches)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.Flush()
		barrier.Done()
		barrier.Wait()
		for i := range events {
			fmt.Fprintf(w, "%s %d %s\n", r.URL.Path, i, strings.Repeat("x", i))
			if err := control.Flush(); err != nil {
				t.Errorf("%s: %v", r.URL.Path, err)
			}
		}
	}, streams(watches))
	transport := s.transport(t, func(t *http2.Transport) { t.StrictMaxConcurrentStreams = true })
	var group sync.WaitGroup
	for i := range watches {
		group.Go(func() {
			path := fmt.Sprint("/", i)
			response, err := transport.RoundTrip(request(t, "GET", s.URL+path, nil))
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			got, err := io.ReadAll(response.Body)
			var want bytes.Buffer
			for i := range events {
				fmt.Fprintf(&want, "%s %d %s\n", path, i, strings.Repeat("x", i))
			}
			if err != nil || !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%s: %d of %d bytes, %v", path, len(got), want.Len(), err)
			}
		})
	}
	group.Wait()
}

// TestFlushReturns: whoever flushes is not kept by what others send.
func TestFlushReturns(t *testing.T) {
	stop := make(chan struct{})
	flushed := make(chan struct{})
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.URL.Path == "/watch" {
			for range 1000 {
				_, _ = io.WriteString(w, "event")
				_ = control.Flush()
			}
			close(flushed)
			return
		}
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := w.Write(make([]byte, 100_000)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	transport := s.transport(t)
	var group sync.WaitGroup
	for _, path := range []string{"/much", "/much", "/watch"} {
		response, err := transport.RoundTrip(request(t, "GET", s.URL+path, nil))
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			defer response.Body.Close()
			_, _ = io.Copy(io.Discard, response.Body)
		})
	}
	within(t, "a thousand flushes", flushed)
	close(stop)
	group.Wait()
}

// TestContextEnds when the client resets the stream or leaves.
func TestContextEnds(t *testing.T) {
	handler, running, ended := blocked()
	s := start(t, handler)
	p := s.greet(t)
	p.get(1, "/")
	p.get(3, "/")
	p.open(5, false, p.block("POST", "/"))
	for range 3 {
		within(t, "a handler runs", running)
	}
	p.do(p.WriteRSTStream(3, http2.ErrCodeCancel))
	within(t, "a reset", ended)
	p.conn.NetConn().Close()
	within(t, "a client that leaves", ended)
	within(t, "a client that leaves", ended)
}

// TestDeadlines of a ResponseController, set before and while a handler waits.
func TestDeadlines(t *testing.T) {
	results := make(chan error, 1)
	var meanwhile func() // sets a new deadline
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set" {
			meanwhile()
			return
		}
		control := http.NewResponseController(w)
		set, wait := control.SetReadDeadline, func() error { _, err := r.Body.Read(make([]byte, 1)); return err }
		if strings.HasPrefix(r.URL.Path, "/write") {
			set, wait = control.SetWriteDeadline, func() error { _, err := w.Write(make([]byte, 1<<20)); return err }
		}
		by := time.Hour
		if strings.HasSuffix(r.URL.Path, "/before") {
			by = 10 * time.Millisecond
		}
		_ = set(time.Now().Add(by))
		meanwhile = func() { _ = set(time.Now().Add(10 * time.Millisecond)) }
		results <- wait()
	})
	for _, path := range []string{"/read/before", "/read/meanwhile", "/write/before", "/write/meanwhile"} {
		t.Run(path, func(t *testing.T) {
			p := s.greet(t)
			p.open(1, false, p.block("POST", path, "expect", "100-continue"))
			if strings.HasSuffix(path, "/meanwhile") {
				p.read(func(f http2.Frame) bool { return f.Header().StreamID == 1 }) // it waits
				p.get(3, "/set")
			}
			if err := within(t, "the deadline", results); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestReadDeadlineCanBeLifted, as an API server does when a body is complete.
func TestReadDeadlineCanBeLifted(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(-time.Second))
		if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading too late: %v", err)
		}
		_ = control.SetReadDeadline(time.Time{})
		_ = control.Flush()
		text, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", text, err)
	})
	p := s.greet(t)
	p.open(1, false, p.block("POST", "/"))
	p.read(func(f http2.Frame) bool { _, ok := f.(*http2.MetaHeadersFrame); return ok })
	p.do(p.WriteData(1, true, []byte("text")))
	f := p.read(func(f http2.Frame) bool { _, ok := f.(*http2.DataFrame); return ok }).(*http2.DataFrame)
	if got := string(f.Data()); got != "text <nil>" {
		t.Errorf("got %q", got)
	}
}

// TestTrailersAfterAnswer: those of a body that nobody wanted harm no other stream.
func TestTrailersAfterAnswer(t *testing.T) {
	p := start(t, func(http.ResponseWriter, *http.Request) {}).greet(t)
	p.open(1, false, p.block("POST", "/"))
	for _, want := range []string{"answered", "reset NO_ERROR"} {
		if got := p.ending(); got != want {
			t.Fatalf("a body that is not read: %s, want %s", got, want)
		}
	}
	p.open(1, true, p.pack("x-end", "a"))
	if got := p.ending(); got != "reset STREAM_CLOSED" {
		t.Errorf("its trailers: %s", got)
	}
	p.get(3, "/")
	if got := p.ending(); got != "answered" {
		t.Errorf("another request: %s", got)
	}
}

func TestPanicIsLogged(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		panic("on purpose")
	})
	p := s.greet(t)
	for i, path := range []string{"/abort", "/panic"} {
		p.get(uint32(2*i+1), path)
		if got := p.ending(); got != "reset INTERNAL_ERROR" {
			t.Errorf("%s: %s", path, got)
		}
	}
	if log := s.log.String(); strings.Count(log, "panic serving") != 1 || !strings.Contains(log, "on purpose") {
		t.Errorf("log: %s", log)
	}
}

// TestShutdown lets requests under way end, tells clients to go, and closes what is idle.
func TestShutdown(t *testing.T) {
	running, release := make(chan struct{}, 10), make(chan struct{})
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		running <- struct{}{}
		<-release
		_, _ = io.WriteString(w, strings.Repeat("long", 1<<20))
	})
	idle, reset := s.greet(t), s.greet(t)
	reset.get(1, "/")
	within(t, "the handler runs", running)
	reset.do(reset.WriteRSTStream(1, http2.ErrCodeCancel))
	transport := s.transport(t)
	sizes := make(chan int64, 1)
	go func() {
		response, err := transport.RoundTrip(request(t, "GET", s.URL, nil))
		if err != nil {
			t.Error(err)
			sizes <- 0
			return
		}
		defer response.Body.Close()
		n, err := io.Copy(io.Discard, response.Body)
		if err != nil {
			t.Error(err)
		}
		sizes <- n
	}()
	within(t, "the handler runs", running)

	down := make(chan struct{})
	go func() {
		s.shutDown(t)
		close(down)
	}()
	for _, want := range []string{"goaway NO_ERROR", "goaway NO_ERROR", "closed"} {
		if got := idle.ending(); got != want {
			t.Errorf("an idle client: %s, want %s", got, want)
		}
	}
	if got := reset.ending(); got != "goaway NO_ERROR" {
		t.Errorf("a client that has reset: %s", got)
	}
	close(release)
	if n := within(t, "the answer", sizes); n != 4<<20 {
		t.Errorf("%d bytes of the answer", n)
	}
	within(t, "the server is down", down)
	if _, err := transport.RoundTrip(request(t, "GET", s.URL, nil)); err == nil {
		t.Error("a new request is served")
	}
}

// TestLastStreamIsReset: a connection that is leaving ends with its last stream, however that ends.
func TestLastStreamIsReset(t *testing.T) {
	handler, running, _ := blocked()
	s := start(t, handler)
	p := s.greet(t)
	p.get(1, "/")
	within(t, "the handler runs", running)
	down := make(chan struct{})
	go func() {
		s.shutDown(t)
		close(down)
	}()
	if got := p.ending(); got != "goaway NO_ERROR" {
		t.Fatal(got)
	}
	p.do(p.WriteRSTStream(1, http2.ErrCodeCancel))
	for _, want := range []string{"goaway NO_ERROR", "closed"} {
		if got := p.ending(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	p.conn.Close()
	within(t, "the server is down", down)
}

// TestConnectionClose: the answer that says so is the connection's last.
func TestConnectionClose(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "text")
	})
	p := s.greet(t)
	p.get(1, "/")
	for _, want := range []string{"goaway NO_ERROR", "answered", "goaway NO_ERROR", "closed"} {
		if got := p.ending(); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	transport := s.transport(t)
	for range 3 {
		response, err := transport.RoundTrip(request(t, "GET", s.URL, nil))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(response.Body); err != nil || string(text) != "text" {
			t.Errorf("%q, %v", text, err)
		}
	}
}

func TestClose(t *testing.T) {
	handler, running, ended := blocked()
	s := start(t, handler)
	p := s.greet(t)
	p.get(1, "/")
	within(t, "the handler runs", running)
	s.Config.Close()
	within(t, "the handler ends", ended)
}

// TestAnswerBeforeClose: an answer comes whole though the connection ends with it and
// its client has more to say.
func TestAnswerBeforeClose(t *testing.T) {
	const size = 120_000 // more than a client's kernel holds unasked, less than both ends' do
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.Copy(w, noise(size))
	})
	p := s.greet(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	p.do(p.WriteWindowUpdate(0, 1<<30))
	p.get(1, "/")
	// A client that does not read does not see when the server has hung up: it talks on for long enough.
	for range 20 {
		<-time.After(5 * time.Millisecond)
		_ = p.WritePing(false, [8]byte{})
	}
	var got int
	p.read(func(f http2.Frame) bool {
		data, ok := f.(*http2.DataFrame)
		if ok {
			got += len(data.Data())
		}
		return ok && data.StreamEnded()
	})
	if got != size {
		t.Errorf("%d of %d bytes", got, size)
	}
}

// TestRefusedIsRetried: a Go client sends again what it is refused.
func TestRefusedIsRetried(t *testing.T) {
	release := make(chan struct{})
	s := start(t, func(w http.ResponseWriter, r *http.Request) { <-release }, streams(10))
	transport := s.transport(t)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := transport.RoundTrip(request(t, "GET", s.URL, nil)); err != nil {
				t.Error(err)
			}
		})
	}
	close(release)
	group.Wait()
}
