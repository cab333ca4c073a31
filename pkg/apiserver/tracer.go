package apiserver

import (
	"context"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"slowmo/pkg/apiserver/tracing"
	"slowmo/pkg/component"
	spans "slowmo/pkg/component/tracing"
)

// tracer makes the spans of requests and sends them. The zero value makes none.
type tracer struct {
	trace.TracerProvider
	shutdown func(context.Context) error
}

// openTracer reads --tracing-config-file, if it is given.
func (o *Options) openTracer(ctx context.Context) (tracer, error) {
	if o.TracingConfigFile == "" {
		return tracer{}, nil
	}
	config, err := tracing.ReadConfig(o.TracingConfigFile)
	if err != nil {
		return tracer{}, component.Usagef("--tracing-config-file: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return tracer{}, err
	}
	provider, err := spans.New(ctx, tracing.Service, tracing.Instance(host), config)
	if err != nil {
		return tracer{}, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.Warn("spans are lost", "error", err) }))
	return tracer{provider, provider.Shutdown}, nil
}

// close sends the last spans to a collector that answers.
func (t tracer) close() {
	if t.shutdown == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := t.shutdown(ctx); err != nil {
		slog.Warn("the last spans are lost", "error", err)
	}
}
