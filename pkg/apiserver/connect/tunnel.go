package connect

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"github.com/gorilla/websocket"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	constants "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"slowmo/pkg/apiserver/request"
)

// tunnel serves a port-forward of a client that sends SPDY through a websocket:
// the kubelet gets the SPDY that is inside.
//
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets
func (k *connectors) tunnel(w http.ResponseWriter, r *http.Request, location *url.URL) error {
	backend, err := k.openForward(r, location)
	if err != nil {
		return err
	}
	defer backend.Close()
	upgrader := websocket.Upgrader{
		Subprotocols: []string{constants.WebsocketsSPDYTunnelingPortForwardV1},
		// Browsers' origins say nothing here: the request carries its own credentials.
		CheckOrigin: func(*http.Request) bool { return true },
	}
	client, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		slog.Debug("a websocket was not opened", "path", r.URL.Path, "error", err)
		return nil // Upgrade has answered
	}
	inside := portforward.NewTunnelingConnection("apiserver", client)
	defer inside.Close()
	exchange(inside, backend)
	return nil
}

// openForward asks the kubelet for a SPDY connection and returns it when it agrees.
func (k *connectors) openForward(r *http.Request, location *url.URL) (net.Conn, error) {
	conn, err := proxy.DialURL(r.Context(), location, k.kubelet)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	asked, err := http.NewRequestWithContext(r.Context(), http.MethodPost, location.String(), nil)
	if err == nil {
		asked.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
		asked.Header.Set(httpstream.HeaderUpgrade, spdy.HeaderSpdy31)
		asked.Header.Set(httpstream.HeaderProtocolVersion, constants.PortForwardV1Name)
		err = asked.Write(conn)
	}
	if err != nil {
		conn.Close()
		return nil, apierrors.NewInternalError(err)
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, asked)
	if err != nil {
		conn.Close()
		return nil, apierrors.NewInternalError(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		defer conn.Close()
		return nil, complaint(answer, request.InfoFrom(r.Context()).Name)
	}
	return &buffered{Conn: conn, reader: reader}, nil
}

// buffered reads first what came with the answer's header.
type buffered struct {
	net.Conn
	reader *bufio.Reader
}

func (b *buffered) Read(data []byte) (int, error) { return b.reader.Read(data) }

// exchange copies both ways until one side ends, and then ends the other.
func exchange(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(a, b)
		a.Close()
	}()
	_, _ = io.Copy(b, a)
	b.Close()
	<-done
}
