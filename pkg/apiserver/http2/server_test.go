package http2_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	ours "slowmo/pkg/apiserver/http2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long anything may take here before it counts as hanging.
const soon = 20 * time.Second

// server is a running http.Server, and what it logs.
type server struct {
	*httptest.Server
	log logged
}

// logged is a log that may be read meanwhile.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start serves handler by this package, which configure may change things of.
func start(t testing.TB, handler http.HandlerFunc, configure ...func(*http.Server, *ours.Options)) *server {
	t.Helper()
	s := &server{Server: httptest.NewUnstartedServer(handler)}
	options := ours.Options{MaxStreams: 100}
	for _, f := range configure {
		f(s.Config, &options)
	}
	ours.Configure(s.Config, options)
	s.run(t)
	return s
}

// startStandard serves handler by net/http alone.
func startStandard(t testing.TB, handler http.HandlerFunc) *server {
	t.Helper()
	s := &server{Server: httptest.NewUnstartedServer(handler)}
	s.run(t)
	return s
}

func (s *server) run(t testing.TB) {
	s.Config.ErrorLog = log.New(&s.log, "", 0)
	s.Listener = brief{s.Listener}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(func() {
		s.Client().CloseIdleConnections()
		s.Config.Close()
		s.Close()
	})
}

// brief is a listener whose connections hold little of what is not read.
type brief struct{ net.Listener }

func (b brief) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	return conn, err
}

// shutDown ends the server as a process does that lets requests end.
func (s *server) shutDown(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := s.Config.Shutdown(ctx); err != nil {
		t.Errorf("shutting down: %v", err)
	}
}

// transport returns a client's end of HTTP/2 to s, alone on its connection.
func (s *server) transport(t testing.TB, configure ...func(*http2.Transport)) *http2.Transport {
	transport := &http2.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	for _, f := range configure {
		f(transport)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// peer is a client that writes frames one by one.
type peer struct {
	t    testing.TB
	conn *tls.Conn
	*http2.Framer
	encoded bytes.Buffer
	encoder *hpack.Encoder
}

// dial returns a peer that has sent nothing.
func (s *server) dial(t testing.TB) *peer {
	t.Helper()
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(soon))
	p := &peer{t: t, conn: conn, Framer: http2.NewFramer(conn, conn)}
	p.encoder = hpack.NewEncoder(&p.encoded)
	p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return p
}

// greet returns a peer that has exchanged prefaces.
func (s *server) greet(t testing.TB, settings ...http2.Setting) *peer {
	t.Helper()
	p := s.dial(t)
	p.sent(io.WriteString(p.conn, http2.ClientPreface))
	p.set(settings...)
	return p
}

// set returns when the server has taken settings.
func (p *peer) set(settings ...http2.Setting) {
	p.t.Helper()
	p.do(p.WriteSettings(settings...))
	p.read(func(f http2.Frame) bool {
		s, ok := f.(*http2.SettingsFrame)
		return ok && s.IsAck()
	})
}

func (p *peer) do(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) sent(_ int, err error) {
	p.t.Helper()
	p.do(err)
}

// block packs headers: names and values by turns, after the pseudo headers of method and path.
func (p *peer) block(method, path string, fields ...string) []byte {
	return p.pack(append([]string{":method", method, ":path", path, ":scheme", "https", ":authority", "test"}, fields...)...)
}

func (p *peer) pack(fields ...string) []byte {
	p.encoded.Reset()
	for i := 0; i < len(fields); i += 2 {
		p.do(p.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return bytes.Clone(p.encoded.Bytes())
}

// open sends the headers of a request.
func (p *peer) open(id uint32, end bool, block []byte) {
	p.t.Helper()
	p.do(p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: end, EndHeaders: true}))
}

// get asks for a path.
func (p *peer) get(id uint32, path string) {
	p.t.Helper()
	p.open(id, true, p.block("GET", path))
}

// read returns the next frame that wanted says yes to; nil when the server closed.
func (p *peer) read(wanted func(http2.Frame) bool) http2.Frame {
	p.t.Helper()
	for {
		f, err := p.ReadFrame()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			p.t.Fatalf("reading a frame: %v", err)
		case wanted(f):
			return f
		}
	}
}

// ending reads until a stream is reset, or the connection told to go or closed, and
// says which, with the code.
func (p *peer) ending() string {
	p.t.Helper()
	f := p.read(func(f http2.Frame) bool {
		switch f := f.(type) {
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return true
		case *http2.MetaHeadersFrame:
			return f.StreamEnded()
		case *http2.DataFrame:
			return f.StreamEnded()
		}
		return false
	})
	switch f := f.(type) {
	case *http2.RSTStreamFrame:
		return "reset " + f.ErrCode.String()
	case *http2.GoAwayFrame:
		return "goaway " + f.ErrCode.String()
	case nil:
		return "closed"
	}
	return "answered"
}

// within fails the test when what the channel tells of does not happen.
func within[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(soon):
		t.Fatalf("%s: not within %v", what, soon)
	}
	return v
}
