package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what one request can make the server hold, as nginx'
// client_max_body_size does (1 MiB is its default).
const maxBody = 1 << 20

// echo answers each request with a description of it and writes one access
// line in nginx' combined format to log, which must be safe for concurrent use.
type echo struct {
	log io.Writer
}

func (e echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	var answer []byte
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status, answer = http.StatusRequestEntityTooLarge, []byte("request body too large\n")
	} else {
		answer = describe(r, body)
	}
	w.Header().Set("Server", "nginx/1.10.0")
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	n, _ := w.Write(answer)
	fmt.Fprintf(e.log, "%s - - [%s] %q %d %d %q %q\n",
		host(r.RemoteAddr), time.Now().Format("02/Jan/2006:15:04:05 -0700"),
		r.Method+" "+r.RequestURI+" "+r.Proto, status, n,
		orDash(r.Referer()), orDash(r.UserAgent()))
}

// describe lays a request out as echoserver 1.4's nginx and lua do.
func describe(r *http.Request, body []byte) []byte {
	var b bytes.Buffer
	line := func(parts ...string) { b.WriteString(strings.Join(parts, "") + "\n") }

	line("CLIENT VALUES:")
	line("client_address=", host(r.RemoteAddr))
	line("command=", r.Method)
	line("real path=", r.RequestURI)
	line("query=", query(r))
	line("request_version=", httpVersion(r))
	line("request_uri=http://", requestHost(r), ":", localPort(r), r.RequestURI)
	line()
	line("SERVER VALUES:")
	line("server_version=nginx: 1.10.0 - lua: 10001")
	line()
	line("HEADERS RECEIVED:")
	for _, h := range headers(r) {
		line(h)
	}
	line("BODY:")
	if len(body) == 0 {
		body = []byte("-no body in request-")
	}
	b.Write(body)
	return b.Bytes()
}

// headers lists "name=value" by lower-case name. Repeated headers run together
// without a separator, as lua prints a table of them.
func headers(r *http.Request) []string {
	lines := []string{"host=" + r.Host}
	for name, values := range r.Header {
		lines = append(lines, strings.ToLower(name)+"="+strings.Join(values, ""))
	}
	slices.Sort(lines)
	return lines
}

// query is "nil", lua's word for an absent value, when the URL has no "?".
func query(r *http.Request) string {
	if r.URL.RawQuery == "" && !r.URL.ForceQuery {
		return "nil"
	}
	return r.URL.RawQuery
}

// httpVersion prints the version as lua prints a number: 1.0 is "1".
func httpVersion(r *http.Request) string {
	version := float64(r.ProtoMajor) + float64(r.ProtoMinor)/10
	return strconv.FormatFloat(version, 'g', -1, 64)
}

// requestHost is the Host header in lower case and without its port.
func requestHost(r *http.Request) string {
	return strings.ToLower(host(r.Host))
}

// localPort is the port the connection came in on.
func localPort(r *http.Request) string {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if _, port, err := net.SplitHostPort(addr.String()); err == nil {
			return port
		}
	}
	return strings.TrimPrefix(address, ":")
}

// host is hostport without its port, if it has one.
func host(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return hostport
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
