package http2_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	ours "slowmo/pkg/apiserver/http2"
)

// FuzzFrames sends arbitrary bytes after the preface: the server goes on serving
// others, and everything that it began for them ends.
func FuzzFrames(f *testing.F) {
	for _, send := range sequences {
		f.Add(recorded(f, send))
	}
	var running atomic.Int32
	ended := make(chan struct{}, 10)
	s := start(f, func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Add(-1)
		_, _ = io.CopyN(w, r.Body, 1000)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, r.URL.Path)
	}, streams(5), writePatience(time.Second), func(server *http.Server, _ *ours.Options) {
		server.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				ended <- struct{}{}
			}
		}
	})
	client := s.transport(f)
	f.Fuzz(func(t *testing.T, frames []byte) {
		conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		_, err = conn.Write(append([]byte(http2.ClientPreface), frames...))
		if err == nil && conn.CloseWrite() == nil {
			_, err = io.Copy(io.Discard, conn)
		}
		if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
			t.Fatal("the server keeps the connection of a client that has hung up")
		}
		within(t, "the end of the connection and its handlers", ended)
		if n := running.Load(); n > 0 {
			t.Fatalf("%d handlers go on", n)
		}
		response, err := client.RoundTrip(request(t, "GET", s.URL+"/after", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if text, err := io.ReadAll(response.Body); string(text) != "/after" || err != nil {
			t.Fatalf("another client gets %q, %v", text, err)
		}
	})
}

// recorded are the frames that send sends, with a client's SETTINGS before them.
func recorded(t testing.TB, send func(*peer)) []byte {
	var out bytes.Buffer
	p := &peer{t: t, Framer: http2.NewFramer(&out, nil)}
	p.encoder = hpack.NewEncoder(&p.encoded)
	p.do(p.WriteSettings())
	send(p)
	return out.Bytes()
}

var sequences = []func(*peer){
	func(p *peer) {
		p.get(1, "/")
		p.get(3, "/b")
		p.do(p.WriteWindowUpdate(0, 1000))
	},
	func(p *peer) {
		p.open(1, false, p.block("POST", "/", "content-length", "10", "expect", "100-continue"))
		p.do(p.WriteDataPadded(1, false, []byte("12345"), make([]byte, 5)))
		p.do(p.WriteData(1, true, []byte("12345")))
	},
	func(p *peer) {
		p.open(1, false, p.block("POST", "/"))
		p.do(p.WriteRSTStream(1, http2.ErrCodeCancel))
		p.do(p.WriteData(1, false, []byte("12345")))
		p.open(1, true, p.pack("x", "y"))
	},
	func(p *peer) {
		p.do(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0}))
		p.do(p.WriteSettingsAck())
		p.do(p.WritePing(false, [8]byte{1}))
		p.get(1, "/a/long/path")
		p.do(p.WriteWindowUpdate(1, 1<<30))
		p.do(p.WritePriority(1, http2.PriorityParam{StreamDep: 3}))
		p.do(p.WriteGoAway(0, http2.ErrCodeNo, []byte("bye")))
	},
	func(p *peer) {
		block := p.block("GET", "/", "cookie", "a=b", "cookie", "c=d")
		p.do(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:4], EndStream: true}))
		p.do(p.WriteContinuation(1, true, block[4:]))
		p.do(p.WriteRawFrame(0xfe, 0xff, 1, binary.BigEndian.AppendUint64(nil, 1)))
	},
	func(p *peer) {
		for id := uint32(1); id < 30; id += 2 {
			p.open(id, false, p.block("PUT", "/"))
			p.do(p.WriteData(id, false, make([]byte, 900)))
		}
	},
}
