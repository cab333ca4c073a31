package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	remoteprotocol "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// The channels of v5.channel.k8s.io, by their numbers.
const (
	stdinChannel = iota
	stdoutChannel
	stderrChannel
	errorChannel
	resizeChannel
	channelCount
)

// translate speaks v5.channel.k8s.io with the client and SPDY with the runtime.
// https://kubernetes.io/blog/2024/08/20/websockets-transition/
func translate(w http.ResponseWriter, r *http.Request, want streams, target *url.URL) {
	channels := [channelCount]wsstream.ChannelType{errorChannel: wsstream.WriteChannel}
	use := func(on bool, n int, t wsstream.ChannelType) {
		if on {
			channels[n] = t
		}
	}
	use(want.stdin, stdinChannel, wsstream.ReadChannel)
	use(want.stdout, stdoutChannel, wsstream.WriteChannel)
	use(want.stderr, stderrChannel, wsstream.WriteChannel)
	use(want.tty, resizeChannel, wsstream.ReadChannel)
	conn := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{
		remoteprotocol.StreamProtocolV5Name: {Binary: true, Channels: channels[:]},
	})
	_, ends, err := conn.Open(w, r)
	if err != nil {
		return // the handshake has answered
	}
	defer conn.Close()
	err = run(r.Context(), want, ends, target)
	if err := json.NewEncoder(ends[errorChannel]).Encode(outcome(err)); err != nil {
		slog.DebugContext(r.Context(), "outcome of a stream not sent", "err", err)
	}
}

// run is a SPDY client of the runtime, joined to the channels.
func run(ctx context.Context, want streams, ends []io.ReadWriteCloser, target *url.URL) error {
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{Host: target.Host}, http.MethodPost, target)
	if err != nil {
		return err
	}
	options := remotecommand.StreamOptions{Tty: want.tty}
	if want.stdin {
		options.Stdin = ends[stdinChannel]
	}
	if want.stdout {
		options.Stdout = ends[stdoutChannel]
	}
	if want.stderr {
		options.Stderr = ends[stderrChannel]
	}
	if want.tty {
		options.TerminalSizeQueue = sizes{json.NewDecoder(ends[resizeChannel])}
	}
	return executor.StreamWithContext(ctx, options)
}

// sizes reads the client's window sizes.
type sizes struct{ *json.Decoder }

// Next implements remotecommand.TerminalSizeQueue: nil at the end.
func (s sizes) Next() *remotecommand.TerminalSize {
	var size remotecommand.TerminalSize
	if s.Decode(&size) != nil {
		return nil
	}
	return &size
}

// outcome is what the client is told of how its command ended.
func outcome(err error) *metav1.Status {
	var exit exec.ExitError
	switch {
	case err == nil:
		return &metav1.Status{Status: metav1.StatusSuccess}
	case errors.As(err, &exit) && exit.Exited():
		code := strconv.Itoa(exit.ExitStatus())
		return &metav1.Status{
			Status: metav1.StatusFailure, Reason: remoteprotocol.NonZeroExitCodeReason,
			Message: fmt.Sprintf("command terminated with non-zero exit code: %v", err),
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: remoteprotocol.ExitCodeCauseType, Message: code}}},
		}
	}
	return &metav1.Status{
		Status: metav1.StatusFailure, Reason: metav1.StatusReasonInternalError,
		Code: http.StatusInternalServerError, Message: err.Error(),
	}
}
