package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	protocol "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/tools/remotecommand"
	clientspdy "k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"slowmo/pkg/apiserver/wire"
)

const (
	// idle ends a session in which nothing has moved for as long, as the
	// kubelet's --streaming-connection-idle-timeout does.
	idle = 4 * time.Hour
	// pings keep a quiet session alive on its way through firewalls.
	pings = 5 * time.Second
)

// The channels of a websocket session, by number.
const (
	stdin = iota
	stdout
	stderr
	problem
	resize
	channelCount
)

// translate serves an exec or attach of a client that speaks the websocket protocol
// v5 by asking the kubelet in SPDY, which every kubelet and runtime knows.
//
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets
func (k *connectors) translate(w http.ResponseWriter, r *http.Request, location *url.URL) error {
	upgrader, err := spdy.NewRoundTripperWithConfig(spdy.RoundTripperConfig{UpgradeTransport: k.kubelet, PingPeriod: pings})
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewSPDYExecutorRejectRedirects(upgrader, clientspdy.NewUpgraderForStreaming(upgrader), http.MethodPost, location)
	if err != nil {
		return err
	}
	conn := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{
		protocol.StreamProtocolV5Name: {Binary: true, Channels: channelsOf(location.Query())},
	})
	conn.SetIdleTimeout(idle)
	_, channels, err := conn.Open(w, r)
	if err != nil {
		slog.Debug("a websocket was not opened", "path", r.URL.Path, "error", err)
		return nil // Open has answered
	}
	ctx, cancel := context.WithCancel(r.Context())
	sizes := make(sizes)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer cancel()
		sizes.read(ctx, channels[resize])
	})
	defer reader.Wait()
	defer conn.Close()
	// From here on the client hears of an error through the session alone.
	err = executor.StreamWithContext(ctx, optionsOf(location.Query(), channels, sizes))
	tell(ctx, channels[problem], err)
	return nil
}

// channelsOf says which channels the session uses, from the kubelet's query.
// The one for sizes is always read: its end is the sign that the client has gone.
func channelsOf(query url.Values) []wsstream.ChannelType {
	channels := make([]wsstream.ChannelType, channelCount) // all ignored
	channels[problem], channels[resize] = wsstream.WriteChannel, wsstream.ReadChannel
	for name, use := range map[string]struct {
		number int
		kind   wsstream.ChannelType
	}{
		"input":  {stdin, wsstream.ReadChannel},
		"output": {stdout, wsstream.WriteChannel},
		"error":  {stderr, wsstream.WriteChannel},
	} {
		if query.Has(name) {
			channels[use.number] = use.kind
		}
	}
	return channels
}

func optionsOf(query url.Values, channels []io.ReadWriteCloser, changes sizes) remotecommand.StreamOptions {
	o := remotecommand.StreamOptions{Tty: query.Has("tty")}
	if query.Has("input") {
		o.Stdin = channels[stdin]
	}
	if query.Has("output") {
		o.Stdout = channels[stdout]
	}
	if query.Has("error") && !o.Tty {
		o.Stderr = channels[stderr]
	}
	if o.Tty {
		o.TerminalSizeQueue = changes
	}
	return o
}

// sizes tells how large the client's terminal is, each time that it changes.
type sizes chan remotecommand.TerminalSize

// read passes on what the client sends until it is gone or ctx is done.
func (s sizes) read(ctx context.Context, from io.Reader) {
	defer close(s)
	decoder := json.NewDecoder(from)
	for {
		var size remotecommand.TerminalSize
		if decoder.Decode(&size) != nil {
			return
		}
		select {
		case s <- size:
		case <-ctx.Done():
			return
		}
	}
}

// Next waits for a change and returns nil when the session is over.
func (s sizes) Next() *remotecommand.TerminalSize {
	size, ok := <-s
	if !ok {
		return nil
	}
	return &size
}

// tell writes how the command ended.
func tell(ctx context.Context, to io.Writer, err error) {
	var code exec.CodeExitError
	status := &metav1.Status{Status: metav1.StatusSuccess}
	switch {
	case err == nil:
	case errors.As(err, &code):
		status = exitStatus(code.Code)
	case ctx.Err() != nil:
		return // nobody listens
	case errors.As(err, new(apierrors.APIStatus)):
		status = wire.StatusOf(err)
	default:
		status = wire.StatusOf(apierrors.NewInternalError(err))
	}
	if err := json.NewEncoder(to).Encode(status); err != nil {
		slog.Debug("the end of a session was not told", "error", err)
	}
}

// exitStatus is how clients learn a command's exit code.
func exitStatus(code int) *metav1.Status {
	return &metav1.Status{
		Status:  metav1.StatusFailure,
		Reason:  protocol.NonZeroExitCodeReason,
		Message: fmt.Sprintf("command terminated with non-zero exit code: exit status %d", code),
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: protocol.ExitCodeCauseType, Message: fmt.Sprint(code)}}},
	}
}
