// Package tracing tells an OpenTelemetry collector what a component did and for
// how long, as spans that name their parents.
//
// Who wants spans sent calls New once and Shutdown at the end, and puts a first
// span into a context. Everybody below calls Start, which costs a look-up and
// nothing more where that context carries no span.
package tracing

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Config is what components' configuration files say of tracing.
type Config struct {
	// Endpoint is the collector's host:port, or an address as gRPC writes them.
	// It is spoken to in the clear. Without one it is localhost:4317.
	Endpoint *string `json:"endpoint,omitempty"`
	// SamplingRatePerMillion is of how many spans in a million without a parent
	// the collector is told. What has a parent does as the parent does.
	SamplingRatePerMillion *int32 `json:"samplingRatePerMillion,omitempty"`
}

const million = 1_000_000

// Validate says what cannot be used.
func (c *Config) Validate(path *field.Path) (errs field.ErrorList) {
	if rate := c.SamplingRatePerMillion; rate != nil && *rate < 0 {
		errs = append(errs, field.Invalid(path.Child("samplingRatePerMillion"), *rate, "sampling rate must be positive"))
	} else if rate != nil && *rate > million {
		errs = append(errs, field.Invalid(path.Child("samplingRatePerMillion"), *rate, "sampling rate per million must be less than or equal to one million"))
	}
	if c.Endpoint == nil || !strings.Contains(*c.Endpoint, "//") {
		return errs
	}
	address, err := url.Parse(*c.Endpoint)
	switch {
	case err != nil:
		errs = append(errs, field.Invalid(path.Child("endpoint"), *c.Endpoint, err.Error()))
	case address.Scheme != "dns" && address.Scheme != "unix" && address.Scheme != "unix-abstract":
		errs = append(errs, field.Invalid(path.Child("endpoint"), *c.Endpoint,
			fmt.Sprintf("unsupported scheme: %s: give host:port, or one of dns, unix and unix-abstract", address.Scheme)))
	}
	return errs
}

// Provider makes spans and sends them in batches. Shutdown sends the last ones.
type Provider = *sdk.TracerProvider

// New returns the Provider of a component; instance tells it from others of its
// sort. A collector that does not answer is no error: spans are lost then.
func New(ctx context.Context, service, instance string, c Config) (Provider, error) {
	options := []otlptracegrpc.Option{otlptracegrpc.WithInsecure()}
	if c.Endpoint != nil {
		options = append(options, otlptracegrpc.WithEndpoint(*c.Endpoint))
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, err
	}
	who, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName(service), semconv.ServiceInstanceID(instance)))
	if err != nil {
		return nil, err
	}
	sampler := sdk.NeverSample()
	if rate := c.SamplingRatePerMillion; rate != nil {
		sampler = sdk.TraceIDRatioBased(float64(*rate) / million)
	}
	return sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(who), sdk.WithSampler(sdk.ParentBased(sampler))), nil
}

// Propagator reads and writes the headers traceparent, tracestate and baggage.
//
// https://www.w3.org/TR/trace-context/
var Propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// Start begins a span below the one that ctx carries. describe is called if
// somebody will see it, and may be nil. The caller ends the span.
func Start(ctx context.Context, name string, describe func() []attribute.KeyValue) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, unseen
	}
	ctx, span := parent.TracerProvider().Tracer("slowmo/pkg/component/tracing").Start(ctx, name)
	if describe != nil {
		span.SetAttributes(describe()...)
	}
	return ctx, span
}

// unseen is the span of whoever is not traced.
var unseen = trace.SpanFromContext(context.Background())
