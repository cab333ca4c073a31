package http2_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// transcript is what one side saw of an exchange.
type transcript struct{ bytes.Buffer }

func (t *transcript) line(format string, values ...any) { fmt.Fprintf(t, format+"\n", values...) }

func (t *transcript) header(what string, header http.Header) {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := header[name]
		if name == "Date" && len(values) == 1 && strings.HasSuffix(values[0], " GMT") {
			values = []string{"now"}
		}
		t.line("%s %s: %.200q", what, name, values)
	}
}

func (t *transcript) body(what string, body io.Reader) {
	data, err := io.ReadAll(body)
	t.line("%s body: %d bytes %.100q, error %v", what, len(data), data, err)
}

// request is what a handler sees of r.
func (t *transcript) request(r *http.Request) {
	t.line("%s %q %q %s %d.%d", r.Method, r.RequestURI, r.Host, r.Proto, r.ProtoMajor, r.ProtoMinor)
	t.line("url %#v", *r.URL)
	t.line("length %d encoding %v close %t", r.ContentLength, r.TransferEncoding, r.Close)
	t.line("pattern %q form %v", r.Pattern, r.Form)
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	t.line("from %s, %v", host, err)
	t.line("tls %x %q %q", r.TLS.Version, r.TLS.NegotiatedProtocol, r.TLS.ServerName)
	_, server := r.Context().Value(http.ServerContextKey).(*http.Server)
	_, local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	t.line("context: server %t, address %t, error %v", server, local, r.Context().Err())
	t.header("request", r.Header)
	t.header("request trailer", r.Trailer)
}

// response is what a client sees of an answer.
func (t *transcript) response(response *http.Response, err error) {
	if err != nil {
		t.line("client: error %v", err)
		return
	}
	defer response.Body.Close()
	t.line("%s %s length %d encoding %v uncompressed %t", response.Proto, response.Status, response.ContentLength, response.TransferEncoding, response.Uncompressed)
	t.header("response", response.Header)
	t.body("response", response.Body)
	t.header("response trailer", response.Trailer)
}

// traced notes informational answers.
func (t *transcript) traced(r *http.Request) *http.Request {
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		Got100Continue: func() { t.line("told to continue") },
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			t.line("informed: %d", code)
			t.header("informed", http.Header(header))
			return nil
		},
	}))
}

// pair are a server of this package and one of net/http with the same handler, which
// has one request at a time.
type pair struct {
	ours, standard *server
	seen           transcript    // by the handler
	served         chan struct{} // the handler has returned
}

func startPair(t *testing.T, handler func(http.ResponseWriter, *http.Request, *transcript)) *pair {
	p := &pair{served: make(chan struct{}, 1)}
	recorded := func(w http.ResponseWriter, r *http.Request) {
		defer func() { p.served <- struct{}{} }()
		handler(w, r, &p.seen)
	}
	p.ours, p.standard = start(t, recorded), startStandard(t, recorded)
	return p
}

// exchange sends the same request to both; each gets a connection of its own.
func (p *pair) exchange(t *testing.T, request func() *http.Request) (ours, standard string) {
	t.Helper()
	one := func(s *server) string {
		p.seen.Reset()
		got := s.exchange(t, request())
		within(t, "the handler returns", p.served)
		return p.seen.String() + got
	}
	return one(p.ours), one(p.standard)
}

func (s *server) exchange(t *testing.T, r *http.Request) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var got transcript
	r = got.traced(r.WithContext(ctx))
	r.URL.Scheme = "https"
	r.URL.Host = s.Listener.Addr().String()
	transport := s.transport(t)
	got.response(transport.RoundTrip(r))
	transport.CloseIdleConnections()
	return got.String()
}

// compare fails the test when two transcripts differ, or when they do not and differs
// says that they do.
func compare(t *testing.T, ours, standard, differs string) {
	t.Helper()
	switch {
	case differs == "" && ours != standard:
		t.Errorf("differs from net/http:\n%s", differing(ours, standard))
	case differs != "" && ours == standard:
		t.Errorf("is as net/http's, though %s:\n%s", differs, ours)
	}
}

// differing are the lines that two texts do not share.
func differing(ours, standard string) string {
	var b strings.Builder
	mine, others := strings.Split(ours, "\n"), strings.Split(standard, "\n")
	for _, line := range mine {
		if !slices.Contains(others, line) {
			fmt.Fprintf(&b, "  ours: %s\n", line)
		}
	}
	for _, line := range others {
		if !slices.Contains(mine, line) {
			fmt.Fprintf(&b, "  net/http: %s\n", line)
		}
	}
	return b.String()
}

// TestSameRequest compares what handlers see of requests.
func TestSameRequest(t *testing.T) {
	both := startPair(t, func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		seen.request(r)
		seen.body("request", r.Body)
		seen.line("again: %v", func() error { _, err := r.Body.Read(make([]byte, 1)); return err }())
		seen.line("close: %v", r.Body.Close())
	})
	for _, c := range sameRequests {
		t.Run(c.name, func(t *testing.T) {
			ours, standard := both.exchange(t, func() *http.Request {
				r, err := http.NewRequest(c.method, "https://localhost"+c.path, c.body())
				if err != nil {
					t.Fatal(err)
				}
				if c.change != nil {
					c.change(r)
				}
				return r
			})
			compare(t, ours, standard, c.differs)
		})
	}
}

// once hides the length of a body.
type once struct{ io.Reader }

func none() io.Reader  { return nil }
func known() io.Reader { return strings.NewReader("a body") }
func long() io.Reader  { return bytes.NewReader(bytes.Repeat([]byte("0123456789"), 100_000)) }
func unknown() io.Reader {
	return once{known()}
}

var sameRequests = []struct {
	name, method, path string
	body               func() io.Reader
	change             func(*http.Request)
	differs            string
}{
	{"get", "GET", "/", none, nil, ""},
	{"head", "HEAD", "/a", none, nil, ""},
	{"options", "OPTIONS", "/a", none, nil, ""},
	{"delete", "DELETE", "/a", none, nil, ""},
	{"delete with a body", "DELETE", "/a", known, nil, ""},
	{"get with a body", "GET", "/a", known, nil, ""},
	{"trace", "TRACE", "/a", none, nil, ""},
	{"unheard of", "BREW", "/a", none, nil, ""},
	{"post", "POST", "/a", known, nil, ""},
	{"post of nothing", "POST", "/a", none, nil, ""},
	{"put of unknown length", "PUT", "/a", unknown, nil, ""},
	{"patch of much", "PATCH", "/a", long, nil, ""},
	{"query", "GET", "/a/b?c=d&e=f%20g&h", none, nil, ""},
	{"empty query", "GET", "/a?", none, nil, ""},
	{"escapes", "GET", "/a%2Fb/%E4%BD%A0/c%20d", none, nil, ""},
	{"slashes", "GET", "//a//b/../c/.", none, nil, ""},
	{"semicolon", "GET", "/a;b?c;d", none, nil, ""},
	{"fragment", "GET", "/a#b", none, nil, ""},
	{"host", "GET", "/a", none, func(r *http.Request) { r.Host = "example.com:1234" }, ""},
	{"host of version 6", "GET", "/a", none, func(r *http.Request) { r.Host = "[::1]:1234" }, ""},
	{"no agent", "GET", "/a", none, func(r *http.Request) { r.Header.Set("User-Agent", "") }, ""},
	{"repeated", "GET", "/a", none, func(r *http.Request) { r.Header["X-Many"] = []string{"a", "b", "", "a"} }, ""},
	{"cookies", "GET", "/a", none, func(r *http.Request) { r.Header["Cookie"] = []string{"a=b; c=d", "e=f"} }, ""},
	{"odd names", "GET", "/a", none, func(r *http.Request) { r.Header["x_odd.NAME-1"] = []string{"A"} }, ""},
	{"odd values", "GET", "/a", none, func(r *http.Request) { r.Header["X-Odd"] = []string{"ü\tb", " c "} }, ""},
	{"te", "GET", "/a", none, func(r *http.Request) { r.Header.Set("TE", "trailers") }, ""},
	{"long headers", "GET", "/a", none, func(r *http.Request) {
		for i := range 50 {
			r.Header.Set(fmt.Sprint("X-Long-", i), strings.Repeat("v", 1000))
		}
	}, ""},
	{"expect", "POST", "/a", known, func(r *http.Request) { r.Header.Set("Expect", "100-continue") }, ""},
	{"expect nothing", "POST", "/a", none, func(r *http.Request) { r.Header.Set("Expect", "100-continue") }, "there is nothing to wait for"},
	{"expect in capitals", "POST", "/a", known, func(r *http.Request) { r.Header.Set("Expect", "100-CONTINUE") }, ""},
	{"authorization", "GET", "/a", none, func(r *http.Request) { r.SetBasicAuth("a", "b") }, ""},
	{"trailers", "POST", "/a", unknown, func(r *http.Request) { r.Trailer = http.Header{"X-End": {"here"}} }, "trailers of requests are not read"},
}

// TestSameRawRequest is TestSameRequest for what no Go client sends.
func TestSameRawRequest(t *testing.T) {
	both := startPair(t, func(w http.ResponseWriter, r *http.Request, seen *transcript) { seen.request(r) })
	get := []string{":method", "GET", ":scheme", "https", ":path", "/a", ":authority", "test"}
	for _, c := range []struct {
		name    string
		fields  []string
		body    string // sent when not empty
		differs string
	}{
		{"get", get, "", ""},
		{"http", []string{":method", "GET", ":scheme", "http", ":path", "/a", ":authority", "test"}, "", ""},
		{"ftp", []string{":method", "GET", ":scheme", "ftp", ":path", "/a", ":authority", "test"}, "", ""},
		{"host for an authority", []string{":method", "GET", ":scheme", "https", ":path", "/a", "host", "test"}, "", "Host is no header of a request, as with HTTP/1"},
		{"host and authority", append(get, "host", "other"), "", "Host is no header of a request, as with HTTP/1"},
		{"neither", []string{":method", "GET", ":scheme", "https", ":path", "/a"}, "", ""},
		{"bad authority", []string{":method", "GET", ":scheme", "https", ":path", "/a", ":authority", "a b"}, "", "net/http serves what is malformed"},
		{"user in authority", []string{":method", "GET", ":scheme", "https", ":path", "/a", ":authority", "a@b"}, "", ""},
		{"path of a url", []string{":method", "GET", ":scheme", "https", ":path", "https://c/a", ":authority", "test"}, "", ""},
		{"relative path", []string{":method", "GET", ":scheme", "https", ":path", "a", ":authority", "test"}, "", ""},
		{"star", []string{":method", "OPTIONS", ":scheme", "https", ":path", "*", ":authority", "test"}, "", ""},
		{"star got", []string{":method", "GET", ":scheme", "https", ":path", "*", ":authority", "test"}, "", ""},
		{"bad escape", []string{":method", "GET", ":scheme", "https", ":path", "/%zz", ":authority", "test"}, "", ""},
		{"empty path", []string{":method", "GET", ":scheme", "https", ":path", "", ":authority", "test"}, "", ""},
		{"no path", []string{":method", "GET", ":scheme", "https", ":authority", "test"}, "", ""},
		{"no method", []string{":scheme", "https", ":path", "/a", ":authority", "test"}, "", ""},
		{"bad method", []string{":method", "G T", ":scheme", "https", ":path", "/a", ":authority", "test"}, "", ""},
		{"connect", []string{":method", "CONNECT", ":authority", "test:1"}, "", ""},
		{"connect to a path", []string{":method", "CONNECT", ":scheme", "https", ":path", "/a", ":authority", "test:1"}, "", ""},
		{"connect to nothing", []string{":method", "CONNECT"}, "", ""},
		{"extended connect", append(get, ":protocol", "websocket"), "", ""},
		{"cookies", append(get, "cookie", "a=b", "x", "y", "cookie", "c=d"), "", ""},
		{"repeated", append(get, "x-a", "1", "x-b", "2", "x-a", "3", "x-a", ""), "", ""},
		{"te", append(get, "te", "gzip"), "", "net/http answers 400 to what is malformed"},
		{"connection", append(get, "connection", "close"), "", "net/http answers 400 to what is malformed"},
		{"upgrade", append(get, "upgrade", "websocket"), "", "net/http answers 400 to what is malformed"},
		{"capitals", append(get, "X-A", "1"), "", ""},
		{"bad name", append(get, "x a", "1"), "", ""},
		{"bad value", append(get, "x-a", "a\nb"), "", ""},
		{"late pseudo header", append(get, "x-a", "1", ":path", "/b"), "", ""},
		{"two paths", append(get, ":path", "/b"), "", ""},
		{"length without a body", append(get, "content-length", "5"), "", "net/http serves what is malformed"},
		{"no length without a body", append(get, "content-length", "0"), "", ""},
		{"length", append(get, "content-length", "5"), "12345", ""},
		{"bad length", append(get, "content-length", "+5"), "", "net/http serves what is malformed"},
		{"negative length", append(get, "content-length", "-5"), "", "net/http serves what is malformed"},
		{"two lengths", append(get, "content-length", "5", "content-length", "5"), "12345", "net/http serves what is malformed"},
		{"expect", append(get, "expect", "100-continue"), "12345", ""},
		{"announced trailer", append(get, "trailer", "X-A"), "12345", "trailers of requests are not read"},
		{"empty header", append(get, "x-a", ""), "", ""},
		{"priority", append(get, "priority", "u=1"), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			exchange := func(s *server) string {
				both.seen.Reset()
				p := s.greet(t)
				p.open(1, c.body == "", p.pack(c.fields...))
				if c.body != "" {
					p.do(p.WriteData(1, true, []byte(c.body)))
				}
				ending := p.ending()
				if ending == "answered" {
					select {
					case <-both.served:
					default: // net/http has answered by itself
					}
				}
				return both.seen.String() + ending
			}
			compare(t, exchange(both.ours), exchange(both.standard), c.differs)
		})
	}
}
