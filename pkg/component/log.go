package component

import (
	"context"
	"io"
	"log/slog"

	"k8s.io/klog/v2"
)

// setUpLog sends slog and, through it, the klog of the libraries to w as lines of
// key=value text. --v N shows slog levels down to -N, as klog's levels do.
func setUpLog(w io.Writer) {
	logger := slog.New(verbose{slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.Level(-128)})})
	slog.SetDefault(logger)
	klog.SetSlogLogger(logger)
}

// verbose lets klog's --v decide which lines pass: its level can be looked up at
// no cost and --vmodule works on the libraries' own lines.
type verbose struct{ slog.Handler }

func (h verbose) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || klog.V(klog.Level(-level)).Enabled()
}

func (h verbose) WithAttrs(attrs []slog.Attr) slog.Handler {
	return verbose{h.Handler.WithAttrs(attrs)}
}
func (h verbose) WithGroup(name string) slog.Handler { return verbose{h.Handler.WithGroup(name)} }
