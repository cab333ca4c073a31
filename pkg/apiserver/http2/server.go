package http2

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"
	"time"
)

// Options bound what one connection may ask for.
type Options struct {
	MaxStreams    int           // at once
	WritePatience time.Duration // for a client that takes nothing of what is sent; 0 is for ever
}

// Configure makes server, which must not serve yet, answer HTTP/2 by this package.
// Its Handler, MaxHeaderBytes, ReadHeaderTimeout, IdleTimeout and ErrorLog count as
// they do for HTTP/1; a zero is no limit. Shutdown lets requests under way end.
func Configure(server *http.Server, o Options) {
	s := &connections{options: o, all: map[*conn]struct{}{}}
	server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": s.serve}
	server.RegisterOnShutdown(s.shutDown)
}

// connections are those of one server.
type connections struct {
	options Options

	mu       sync.Mutex
	all      map[*conn]struct{}
	stopping bool
}

// serve returns when the connection is over.
func (s *connections) serve(server *http.Server, socket *tls.Conn, handler http.Handler) {
	base := context.Background()
	if from, ok := handler.(interface{ BaseContext() context.Context }); ok {
		base = from.BaseContext()
	}
	c := newConn(base, server, socket, handler, s.options)
	if !s.add(c) {
		return
	}
	defer s.remove(c)
	c.serve()
}

// add returns false when the server is stopping.
func (s *connections) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.all[c] = struct{}{}
	}
	return !s.stopping
}

func (s *connections) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, c)
}

func (s *connections) shutDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for c := range s.all {
		go c.leave()
	}
}

// deadline is when a patience that begins now ends; none, for no patience given.
func deadline(patience time.Duration) time.Time {
	if patience <= 0 {
		return time.Time{}
	}
	return time.Now().Add(patience)
}
