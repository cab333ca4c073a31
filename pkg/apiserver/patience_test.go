package apiserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"slowmo/pkg/apiserver/wire"
)

// impatient serves a handler behind the first steps, with little patience.
func impatient(t *testing.T, handler http.HandlerFunc) (address string) {
	t.Helper()
	s := &Server{patience: standardPatience}
	s.patience.header, s.patience.body = 300*time.Millisecond, 300*time.Millisecond
	s.draining, s.drain = context.WithCancel(t.Context())
	server := s.patience.server(s.informed(s.bounded(handler)))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Close()
		wg.Wait()
	})
	return listener.Addr().String()
}

// exchangeRaw sends text and returns what comes until the server closes.
func exchangeRaw(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("the server holds on to a client that sends no more: %v", err)
	}
	return string(got)
}

func TestSlowClients(t *testing.T) {
	slow := make(chan struct{})
	time.AfterFunc(time.Second, func() { close(slow) })
	address := impatient(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := wire.ReadBody(r); err != nil {
			wire.Error(w, r, err)
			return
		}
		if r.URL.Query().Has("slow") { // the answer, not the client
			<-slow
		}
		if r.Context().Err() != nil {
			t.Errorf("%s was given up: %v", r.URL, r.Context().Err())
		}
	})
	const host, close = " HTTP/1.1\r\nHost: x\r\n", "Connection: close\r\n"
	for _, tt := range []struct{ name, text, want string }{
		{"no header", "GET /" + host, ""},
		{"half a body", "POST /" + host + "Content-Length: 9\r\n\r\nhalf", "HTTP/1.1 408 "},
		{"a body in time", "POST /" + host + close + "Content-Length: 4\r\n\r\nhalf", "HTTP/1.1 200 "},
		{"a slow answer", "POST /?slow" + host + close + "Content-Length: 4\r\n\r\nhalf", "HTTP/1.1 200 "},
		{"a slow answer to no body", "GET /?slow" + host + close + "\r\n", "HTTP/1.1 200 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := exchangeRaw(t, address, tt.text); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" && !strings.Contains(got, "408") {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestHeaderFloods(t *testing.T) {
	flood := func(n, size int) (headers []string) {
		for i := range n {
			headers = append(headers, fmt.Sprintf("X-%d: %s", i, strings.Repeat("x", size)))
		}
		return headers
	}
	if got := do(t, "GET", "/version", "", flood(400, 10)...); got.code != 200 {
		t.Errorf("many headers: %d", got.code)
	}
	if got := do(t, "GET", "/version", "", flood(600, 10)...); got.code != 431 || got.at("message") != "431: Request Header Fields Too Large" {
		t.Errorf("too many headers: %d %s", got.code, got.raw)
	}
	s := &started{client: server.client}
	if got, err := s.send("GET", server.url+"/version", "", flood(20, 20<<10)...); err == nil && got.code != 431 {
		t.Errorf("too large headers: %d", got.code)
	}
}

// A client that opens streams and resets them at once loses its connection, or
// is at least not served before others.
func TestRapidReset(t *testing.T) {
	conn, err := tls.Dial("tcp", strings.TrimPrefix(server.url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := make(chan struct{})
	defer close(stop)
	wg.Go(func() { resetRapidly(conn, stop) })
	for range 20 {
		began := time.Now()
		if got := do(t, "GET", "/api/v1/namespaces/default", ""); got.code != 200 || time.Since(began) > 5*time.Second {
			t.Fatalf("another client: %d after %s", got.code, time.Since(began))
		}
	}
}

// resetRapidly sends requests for as long as the server takes them.
func resetRapidly(conn net.Conn, stop <-chan struct{}) {
	out := bufio.NewWriter(conn)
	if _, err := out.WriteString(http2.ClientPreface); err != nil {
		return
	}
	framer := http2.NewFramer(out, conn)
	if framer.WriteSettings() != nil {
		return
	}
	var headers strings.Builder
	encoder := hpack.NewEncoder(&headers)
	for id := uint32(1); ; id += 2 {
		select {
		case <-stop:
			return
		default:
		}
		headers.Reset()
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/api/v1/pods"}, {"authorization", "Bearer alice-token"}} {
			if encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) != nil {
				return
			}
		}
		err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte(headers.String()), EndStream: true, EndHeaders: true})
		if err != nil || framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil || out.Flush() != nil {
			return
		}
	}
}
