package apiserver

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"slowmo/pkg/apiserver/http2"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/wire"
)

// patience is how long the server waits for a client, and how much it lets
// one client ask for. What it lets run is package fairness' business.
type patience struct {
	header, body, idle time.Duration // for all of it to come
	write              time.Duration // for some of what is sent to be taken, of HTTP/2
	request            time.Duration // for an ordinary request to be answered
	headerBytes        int
	headers            int // how many
	streams            int // requests at once of one HTTP/2 connection
}

var standardPatience = patience{
	header: 30 * time.Second, body: 15 * time.Second, idle: 90 * time.Second, write: time.Minute,
	request: time.Minute, headerBytes: 256 << 10, headers: 500, streams: 1000,
}

// server returns a server that has it.
func (p patience) server(handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: p.header,
		IdleTimeout:       p.idle,
		MaxHeaderBytes:    p.headerBytes,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	http2.Configure(server, http2.Options{MaxStreams: p.streams, WritePatience: p.write})
	return server
}

// bounded refuses requests with too many headers, and gives an ordinary one a
// time by which its body has come and its answer is gone. One that is too slow
// loses its connection or its stream.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header) > s.patience.headers {
			wire.Error(w, r, wire.TooManyHeaders())
			return
		}
		now, control := time.Now(), http.NewResponseController(w)
		// A writer that knows no deadlines is a test's.
		if request.InfoFrom(r.Context()).LongRunning() {
			_ = control.SetWriteDeadline(time.Time{}) // the connection may have one of an earlier request
		} else {
			_ = control.SetWriteDeadline(now.Add(s.patience.request + s.patience.body))
			if r.ContentLength != 0 {
				_ = control.SetReadDeadline(now.Add(s.patience.body))
				r.Body = &timedBody{ReadCloser: r.Body, done: func() { _ = control.SetReadDeadline(time.Time{}) }}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// timedBody says when all of a body has come: from then on the server reads on
// only to see whether its client is still there, which must not end in time.
type timedBody struct {
	io.ReadCloser
	done func()
}

func (b *timedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err == io.EOF {
		b.done()
	}
	return n, err
}
