package http2

import (
	"net"
	"sync"
)

// Gather returns a listener whose connections, once this package serves them, make
// one system call for all the TLS records of a flush, instead of one for each.
func Gather(l net.Listener) net.Listener { return gatherer{l} }

type gatherer struct{ net.Listener }

func (g gatherer) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gathering{Conn: conn}, nil
}

// gathering is a connection that can hold back what is written to it.
type gathering struct {
	net.Conn

	mu      sync.Mutex
	holding bool
	held    []byte
}

func (g *gathering) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.holding {
		return g.Conn.Write(p)
	}
	g.held = append(g.held, p...)
	return len(p), nil
}

// gather writes what write writes at once.
func (g *gathering) gather(write func() error) error {
	g.mu.Lock()
	g.held, g.holding = (*outputs.Get().(*[]byte))[:0], true
	g.mu.Unlock()
	err := write()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		_, err = g.Conn.Write(g.held)
	}
	recycle(g.held)
	g.held, g.holding = nil, false
	return err
}
