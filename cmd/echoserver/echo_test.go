package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// ask sends the raw request to a running echo server and returns the answer's
// body and the access log, with the server's port as PORT.
func ask(t *testing.T, raw string) (status int, body, log string) {
	t.Helper()
	var out lockedBuilder
	server := httptest.NewServer(echo{log: &out})
	defer server.Close()
	addr := server.Listener.Addr().String()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, raw)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	server.Close() // waits for the handler, and so for its log line
	_, port, _ := net.SplitHostPort(addr)
	return response.StatusCode, strings.ReplaceAll(string(content), ":"+port, ":PORT"), out.String()
}

func TestEcho(t *testing.T) {
	for _, test := range []struct {
		name, request, want string
	}{{
		name:    "curl",
		request: "GET / HTTP/1.1\r\nHost: 192.168.99.100:30000\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
		want: `CLIENT VALUES:
client_address=127.0.0.1
command=GET
real path=/
query=nil
request_version=1.1
request_uri=http://192.168.99.100:PORT/

SERVER VALUES:
server_version=nginx: 1.10.0 - lua: 10001

HEADERS RECEIVED:
accept=*/*
host=192.168.99.100:30000
user-agent=curl/7.88.1
BODY:
-no body in request-`,
	}, {
		name:    "query and body",
		request: "POST /a%20b?x=1&y HTTP/1.1\r\nHost: Hello\r\nX-Two: a\r\nX-Two: b\r\nContent-Length: 5\r\n\r\nhello",
		want: `CLIENT VALUES:
client_address=127.0.0.1
command=POST
real path=/a%20b?x=1&y
query=x=1&y
request_version=1.1
request_uri=http://hello:PORT/a%20b?x=1&y

SERVER VALUES:
server_version=nginx: 1.10.0 - lua: 10001

HEADERS RECEIVED:
content-length=5
host=Hello
x-two=ab
BODY:
hello`,
	}, {
		name:    "HTTP 1.0",
		request: "GET /? HTTP/1.0\r\nHost: h\r\n\r\n",
		want: `CLIENT VALUES:
client_address=127.0.0.1
command=GET
real path=/?
query=
request_version=1
request_uri=http://h:PORT/?

SERVER VALUES:
server_version=nginx: 1.10.0 - lua: 10001

HEADERS RECEIVED:
host=h
BODY:
-no body in request-`,
	}} {
		t.Run(test.name, func(t *testing.T) {
			if status, got, _ := ask(t, test.request); status != 200 || got != test.want {
				t.Errorf("status %d, body:\n%s\nwant:\n%s", status, got, test.want)
			}
		})
	}
}

func TestAccessLog(t *testing.T) {
	_, body, log := ask(t, "GET /x HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n\r\n")
	before, after, ok := strings.Cut(log, "] ")
	if !ok || !strings.HasPrefix(before, "127.0.0.1 - - [") {
		t.Fatalf("log %q is not in the combined format", log)
	}
	// The body was longer by the digits that PORT stands for.
	if want := `"GET /x HTTP/1.1" 200 `; !strings.HasPrefix(after, want) || !strings.HasSuffix(after, ` "-" "me"`+"\n") {
		t.Errorf("log %q, want %s<bytes> \"-\" \"me\" (%d bytes)", after, want, len(body))
	}
}

func TestBodyTooLarge(t *testing.T) {
	request := fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", maxBody+1, strings.Repeat("x", maxBody+1))
	if status, _, log := ask(t, request); status != http.StatusRequestEntityTooLarge || !strings.Contains(log, " 413 ") {
		t.Errorf("status %d, log %q, want 413", status, log)
	}
}

// lockedBuilder is a strings.Builder that handlers may share.
type lockedBuilder struct {
	mu sync.Mutex
	strings.Builder
}

func (b *lockedBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}
