package http2_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	ours "slowmo/pkg/apiserver/http2"
)

// blocked is a handler that returns when its request is over, and says when it runs.
func blocked() (handler http.HandlerFunc, running, ended chan struct{}) {
	running, ended = make(chan struct{}, 1000), make(chan struct{}, 1000)
	return func(w http.ResponseWriter, r *http.Request) {
		running <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}, running, ended
}

func streams(n int) func(*http.Server, *ours.Options) {
	return func(_ *http.Server, o *ours.Options) { o.MaxStreams = n }
}

func writePatience(d time.Duration) func(*http.Server, *ours.Options) {
	return func(_ *http.Server, o *ours.Options) { o.WritePatience = d }
}

func TestTooManyStreams(t *testing.T) {
	handler, running, ended := blocked()
	p := start(t, handler, streams(3)).greet(t)
	id := uint32(1)
	for range 3 {
		p.get(id, "/")
		id += 2
	}
	for range 3 {
		within(t, "a handler runs", running)
	}
	for range 3 {
		p.get(id, "/")
		id += 2
		if got := p.ending(); got != "reset REFUSED_STREAM" {
			t.Fatalf("one stream more: %s", got)
		}
	}
	p.do(p.WriteRSTStream(1, http2.ErrCodeCancel))
	within(t, "the reset ends a handler", ended)
	p.get(id, "/")
	within(t, "there is room again", running)
	for range 4 {
		id += 2
		p.get(id, "/")
	}
	for range 3 {
		if got := p.ending(); got != "reset REFUSED_STREAM" {
			t.Fatalf("more streams: %s", got)
		}
	}
	if got := p.ending(); got != "goaway ENHANCE_YOUR_CALM" {
		t.Fatalf("a client that takes no refusal: %s", got)
	}
	for range 3 {
		within(t, "the end of the connection ends its handlers", ended)
	}
}

// TestRapidReset: streams that are reset count as long as their handlers run.
func TestRapidReset(t *testing.T) {
	release := make(chan struct{})
	running := make(chan struct{}, 1000)
	p := start(t, func(http.ResponseWriter, *http.Request) {
		running <- struct{}{}
		<-release
	}, streams(10)).greet(t)
	t.Cleanup(func() { close(release) })
	for id := uint32(1); id < 200; id += 2 {
		if p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block("GET", "/"), EndStream: true, EndHeaders: true}) != nil ||
			p.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // it has had enough
		}
	}
	for got := ""; got != "goaway ENHANCE_YOUR_CALM"; {
		if got = p.ending(); got != "reset REFUSED_STREAM" && got != "goaway ENHANCE_YOUR_CALM" {
			t.Fatalf("got %s", got)
		}
	}
	if n := len(running); n > 20 {
		t.Errorf("%d handlers run, of 10 streams", n)
	}
}

// TestViolations are what h2spec does not send.
func TestViolations(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) },
		func(server *http.Server, _ *ours.Options) { server.MaxHeaderBytes = 10_000 })
	many := strings.Repeat("v", 1000)
	for _, c := range []struct {
		name string
		send func(*peer)
		want string
	}{
		{"a body shorter than it says", func(p *peer) {
			p.open(1, false, p.block("POST", "/", "content-length", "6"))
			p.do(p.WriteData(1, true, []byte("12345")))
		}, "reset PROTOCOL_ERROR"},
		{"a body longer than it says", func(p *peer) {
			p.open(1, false, p.block("POST", "/", "content-length", "4"))
			p.do(p.WriteData(1, true, []byte("12345")))
		}, "reset PROTOCOL_ERROR"},
		{"a body shorter than it says, with trailers", func(p *peer) {
			p.open(1, false, p.block("POST", "/", "content-length", "6"))
			p.open(1, true, p.pack("x-end", "a"))
		}, "reset PROTOCOL_ERROR"},
		{"trailers", func(p *peer) {
			p.open(1, false, p.block("POST", "/"))
			p.open(1, true, p.pack("x-end", "a"))
		}, "answered"},
		{"trailers that end nothing", func(p *peer) {
			p.open(1, false, p.block("POST", "/"))
			p.open(1, false, p.pack("x-end", "a"))
		}, "reset PROTOCOL_ERROR"},
		{"a path in trailers", func(p *peer) {
			p.open(1, false, p.block("POST", "/"))
			p.open(1, true, p.pack(":path", "a"))
		}, "reset PROTOCOL_ERROR"},
		{"an even stream", func(p *peer) { p.get(2, "/") }, "goaway PROTOCOL_ERROR"},
		{"a lower stream", func(p *peer) {
			p.open(3, false, p.block("POST", "/"))
			p.get(1, "/")
		}, "goaway STREAM_CLOSED"},
		{"data for no stream", func(p *peer) { p.do(p.WriteData(1, false, []byte("a"))) }, "goaway PROTOCOL_ERROR"},
		{"more of the connection than it has", func(p *peer) { p.do(p.WriteWindowUpdate(0, 1<<31-1)) }, "goaway FLOW_CONTROL_ERROR"},
		{"more of a stream than it has", func(p *peer) {
			p.open(1, false, p.block("POST", "/"))
			p.do(p.WriteWindowUpdate(1, 1<<31-1))
		}, "reset FLOW_CONTROL_ERROR"},
		{"initial windows that make a stream's too wide", func(p *peer) {
			p.open(1, false, p.block("POST", "/"))
			p.do(p.WriteWindowUpdate(1, 1<<31-1-65535))
			p.do(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65536}))
		}, "goaway FLOW_CONTROL_ERROR"},
		{"push", func(p *peer) {
			p.do(p.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: p.block("GET", "/"), EndHeaders: true}))
		}, "goaway PROTOCOL_ERROR"},
		{"too many headers", func(p *peer) {
			p.open(1, true, p.block("GET", "/", "a", many, "b", many, "c", many, "d", many, "e", many, "f", many, "g", many, "h", many, "i", many, "j", many))
		}, "answered"},
		{"one stream for ever", func(p *peer) {
			p.do(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block("GET", "/")}))
			for range 100 {
				if p.WriteContinuation(1, false, p.pack("a", many, "a", many, "a", many, "a", many, "a", many)) != nil {
					break
				}
			}
		}, "goaway PROTOCOL_ERROR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := s.greet(t)
			c.send(p)
			if got := p.ending(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestBodiesBeyondWindows are of handlers that do not read.
func TestBodiesBeyondWindows(t *testing.T) {
	handler, _, _ := blocked()
	s := start(t, handler)
	for _, c := range []struct {
		name            string
		streams, frames uint32
		want            string
	}{
		{"a stream's", 1, 17, "reset FLOW_CONTROL_ERROR"},
		{"the connection's", 5, 16, "goaway FLOW_CONTROL_ERROR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := s.greet(t)
			for i := range c.streams {
				p.open(2*i+1, false, p.block("POST", "/"))
				for range c.frames {
					if p.WriteData(2*i+1, false, make([]byte, 16<<10)) != nil {
						break
					}
				}
			}
			if got := p.ending(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestHeadersTooLarge(t *testing.T) {
	s := start(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler runs") },
		func(server *http.Server, _ *ours.Options) { server.MaxHeaderBytes = 10_000 })
	long := strings.Repeat("v", 4000)
	p := s.greet(t)
	p.open(1, true, p.block("GET", "/", "a", long, "b", long, "c", long))
	f := p.read(func(f http2.Frame) bool { _, ok := f.(*http2.MetaHeadersFrame); return ok })
	if status := f.(*http2.MetaHeadersFrame).PseudoValue("status"); status != "431" {
		t.Errorf("status %s", status)
	}
	if f, err := s.dial(t).ReadFrame(); err != nil {
		t.Error(err)
	} else if limit, _ := f.(*http2.SettingsFrame).Value(http2.SettingMaxHeaderListSize); limit != 10_000 {
		t.Errorf("clients are told a limit of %d bytes", limit)
	}
}

// TestNoLimits: zeros of http.Server are none.
func TestNoLimits(t *testing.T) {
	s := start(t, func(http.ResponseWriter, *http.Request) {})
	transport := s.transport(t)
	if _, err := transport.RoundTrip(request(t, "GET", s.URL, nil)); err != nil {
		t.Fatal(err)
	}
	r := request(t, "GET", s.URL, nil)
	r.Header.Set("A", strings.Repeat("v", 500_000))
	response, err := transport.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", response, err)
	}
}

func TestSlowPreface(t *testing.T) {
	s := start(t, func(http.ResponseWriter, *http.Request) {}, func(server *http.Server, _ *ours.Options) { server.ReadHeaderTimeout = 400 * time.Millisecond })
	for _, text := range []string{"", "PRI * HT", http2.ClientPreface} {
		p := s.dial(t)
		p.sent(io.WriteString(p.conn, text))
		if got := p.ending(); got != "closed" {
			t.Errorf("after %q: %s", text, got)
		}
	}
}

func TestIdle(t *testing.T) {
	handler, running, ended := blocked()
	s := start(t, handler, func(server *http.Server, _ *ours.Options) { server.IdleTimeout = 100 * time.Millisecond })
	begun := time.Now()
	if got := s.greet(t).ending(); got != "goaway NO_ERROR" {
		t.Errorf("no stream: %s", got)
	}
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("no stream: closed after %v", took)
	}
	p := s.greet(t)
	p.get(1, "/")
	within(t, "the handler runs", running)
	p.do(p.conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)))
	for {
		f, err := p.ReadFrame()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatalf("a connection with a stream: %v, %v", f, err)
		}
	}
	p = s.greet(t)
	p.get(1, "/")
	within(t, "the handler runs", running)
	p.do(p.WriteRSTStream(1, http2.ErrCodeCancel))
	within(t, "the handler ends", ended)
	if got := p.ending(); got != "goaway NO_ERROR" {
		t.Errorf("after the last stream: %s", got)
	}
}

// TestFloods are of clients that make the server answer and do not read. They are cut
// off, unless their resets come before the server has anything to answer: then most
// says how many of them are sent.
func TestFloods(t *testing.T) {
	for _, c := range []struct {
		name string
		most uint32
		send func(p *peer, i uint32) error
	}{
		{"pings", math.MaxUint32, func(p *peer, i uint32) error { return p.WritePing(false, [8]byte{}) }},
		{"settings", math.MaxUint32, func(p *peer, i uint32) error { return p.WriteSettings() }},
		{"resets", math.MaxUint32, func(p *peer, i uint32) error { return p.WriteWindowUpdate(2*i+1, 0) }},
		{"requests", math.MaxUint32, func(p *peer, i uint32) error {
			return p.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: p.block("GET", "/"), EndStream: true, EndHeaders: true})
		}},
		{"requests that are told to continue", 50_000, func(p *peer, i uint32) error {
			return errors.Join(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: p.block("POST", "/", "expect", "100-continue"), EndHeaders: true}),
				p.WriteRSTStream(2*i+1, http2.ErrCodeCancel))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = r.Body.Read(make([]byte, 1)) }, streams(1000))
			p := s.greet(t)
			p.AllowIllegalWrites = true
			before := memory()
			var sent uint32
			var err error
			for ; err == nil && sent < c.most; sent++ {
				err = c.send(p, sent)
			}
			if sent < 1000 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("after %d frames: %v", sent, err)
			}
			if used := memory() - before; used > 32<<20 {
				t.Errorf("%d MiB are in use after %d frames", used>>20, sent)
			}
		})
	}
}

func memory() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestStalledReader: a client that does not read holds up nobody else, and not for ever.
func TestStalledReader(t *testing.T) {
	wrote := make(chan error, 10)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/quick":
			return
		case "/late":
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		}
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		wrote <- err
	}, writePatience(time.Second))

	t.Run("no window", func(t *testing.T) {
		p := s.greet(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
		p.get(1, "/late")
		if err := within(t, "writing fails", wrote); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("writing: %v", err)
		}
		if got := p.ending(); got != "reset CANCEL" {
			t.Errorf("the client: %s", got)
		}
		p.get(3, "/quick")
		if got := p.ending(); got != "answered" {
			t.Errorf("another stream: %s", got)
		}
	})
	t.Run("no reading", func(t *testing.T) {
		p := s.greet(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		p.do(p.WriteWindowUpdate(0, 1<<30))
		for id := uint32(1); id < 10; id += 2 {
			p.get(id, "/")
		}
		response, err := s.transport(t).RoundTrip(request(t, "GET", s.URL+"/quick", nil))
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("another connection: %v, %v", response, err)
		}
		for range 5 {
			if within(t, "writing fails", wrote) == nil {
				t.Error("writing does not fail")
			}
		}
		if _, err = io.Copy(io.Discard, p.conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection does not end")
		}
	})
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWindowsAreGivenBack: whatever happens to bodies, their connection can go on.
func TestWindowsAreGivenBack(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/close":
			r.Body.Close()
			_, _ = io.WriteString(w, "closed")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/part":
			_, _ = io.ReadFull(r.Body, make([]byte, 1000))
		case "/all":
			n, err := io.Copy(io.Discard, r.Body)
			if n != 1<<20 || err != nil {
				t.Errorf("all: %d bytes, %v", n, err)
			}
		}
	})
	transport := s.transport(t)
	for range 20 {
		for _, path := range []string{"/none", "/part", "/all"} {
			response, err := transport.RoundTrip(request(t, "POST", s.URL+path, bytes.NewReader(make([]byte, 1<<20))))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			response.Body.Close()
		}
		response, err := transport.RoundTrip(request(t, "POST", s.URL+"/close", bytes.NewReader(make([]byte, 1<<20))))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close() // it resets the stream
	}
}
