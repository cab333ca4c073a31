package server

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	remoteprotocol "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/tools/portforward"
)

// spdy is the protocol that runtimes speak, and the one inside a tunnel.
const spdy = "SPDY/3.1"

// tunnel speaks WebSocket with the client, in whose messages the bytes of a SPDY
// connection are, and hands those bytes to the runtime.
// https://kubernetes.io/blog/2024/08/20/websockets-transition/
func tunnel(w http.ResponseWriter, r *http.Request, target *url.URL) {
	runtime, err := dialSPDY(r, target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer runtime.Close()
	upgrader := websocket.Upgrader{
		Subprotocols: []string{remoteprotocol.WebsocketsSPDYTunnelingPortForwardV1},
		CheckOrigin:  func(*http.Request) bool { return true }, // not a browser's session: each request is authenticated
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	client := portforward.NewTunnelingConnection("client", ws)
	defer client.Close()
	join(client, runtime)
}

// join copies both ways until either side ends.
func join(a, b net.Conn) {
	var wg sync.WaitGroup
	one := func(to, from net.Conn) {
		if _, err := io.Copy(to, from); err != nil {
			slog.Debug("tunnel ended", "err", err)
		}
		a.Close()
		b.Close()
	}
	wg.Go(func() { one(a, b) })
	wg.Go(func() { one(b, a) })
	wg.Wait()
}

// dialSPDY opens a SPDY connection to the runtime's streaming server.
func dialSPDY(r *http.Request, target *url.URL) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(r.Context(), "tcp", target.Host)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, target.String(), nil)
	if err != nil {
		conn.Close()
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", spdy)
	request.Header.Set("X-Stream-Protocol-Version", remoteprotocol.PortForwardV1Name)
	if err := request.Write(conn); err != nil {
		conn.Close()
		return nil, err
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, request)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols || !strings.EqualFold(answer.Header.Get("Upgrade"), spdy) {
		conn.Close()
		return nil, fmt.Errorf("the container runtime's streaming server answered %s", answer.Status)
	}
	return &bufferedConn{Conn: conn, reader: reader}, nil
}

// bufferedConn gives out first what was read ahead with the answer.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

// Read implements net.Conn.
func (c *bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }
