// Package http2 serves HTTP/2 for an http.Server, with as few steps between a
// handler and the wire as there can be: the handler's own goroutine encodes the
// frames and makes the system call.
//
// What it is for. A watch that is told of a change writes one small frame. Where
// every frame passes through goroutines that belong to the connection, those
// hand-overs cost more than all else that a delivery does. Here whoever flushes
// first writes for all: the other watches of the connection add their frames
// meanwhile, and a change that a hundred watches see leaves in a few system calls.
//
//	read loop:  frame -> stream -> go handler      conn.go, stream.go, body.go
//	handler:    Write -> frames in the connection's buffer -> flush    response.go, fields.go, output.go
//
// What it guarantees. All state of a connection and of its streams is under one
// mutex, never held during a system call. The read loop never waits for a slow
// reader of answers. What a peer can make a connection hold is bounded: streams and
// handlers by Options.MaxStreams, bodies not read yet by the receive window, frames
// not sent yet by outputLimit; headers and patience by the server's MaxHeaderBytes,
// ReadHeaderTimeout and IdleTimeout, and by Options.WritePatience, which is also how
// long a handler that writes for all can be kept. When a connection is over, no handler
// of it runs. Its end loses nothing that was sent: we hang up, the client closes.
//
// What it leaves out: push, priorities and trailers of requests.
//
// Frames are parsed, and headers packed, by golang.org/x/net/http2.
//
// https://www.rfc-editor.org/rfc/rfc9113
package http2
