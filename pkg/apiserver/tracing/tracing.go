// Package tracing makes the spans of requests, named as kube-apiserver's are: one
// for each step of the chain, which holds the steps after it, and one for the
// request. What handles the request adds its own (package tracing of component).
//
// A server that is not asked for them has neither the steps nor the spans.
package tracing

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	metrics "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/component/tracing"
)

// Service is what the server calls itself to a collector.
const Service = "apiserver"

// Instance is the name of the server on host, the same at each start: a hash, by
// which kube-apiserver names its identity too.
func Instance(host string) string {
	var text []byte
	for _, part := range []string{host, "kube-apiserver"} {
		text = append(binary.BigEndian.AppendUint16(text, uint16(len(part))), part...)
	}
	sum := sha256.Sum256(text)
	return "apiserver-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// Step returns a step of the chain that begins a span and ends it once next has
// answered. Without a provider it is no step at all.
func Step(provider trace.TracerProvider, name string, next http.Handler) http.Handler {
	if provider == nil {
		return next
	}
	tracer := provider.Tracer("slowmo/pkg/apiserver/tracing")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := tracer.Start(r.Context(), name)
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Request returns the step that begins the span of the request itself. It comes
// after authentication: the span that a client names is the parent if the
// client is trusted; otherwise the two are linked, and whether the request is traced
// is not for the client to say.
func Request(provider trace.TracerProvider, next http.Handler) http.Handler {
	if provider == nil {
		return next
	}
	described := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("http.target", r.URL.RequestURI()),
			attribute.String("audit-id", request.From(r.Context()).AuditID))
		next.ServeHTTP(w, r)
	})
	return otelhttp.NewHandler(described, "KubernetesAPI",
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithMeterProvider(metrics.NewMeterProvider()),
		otelhttp.WithPropagators(tracing.Propagator),
		otelhttp.WithPublicEndpointFn(untrusted),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return name(r) }))
}

// untrusted says whether a client is kept from joining the server's spans to its own.
func untrusted(r *http.Request) bool {
	groups := request.UserFrom(r.Context()).Groups
	return !slices.Contains(groups, "system:masters") && !slices.Contains(groups, "system:monitoring")
}

// name is the method, and for a resource the path with its variables unnamed.
func name(r *http.Request) string {
	info := request.InfoFrom(r.Context())
	if !info.IsResource {
		return r.Method
	}
	var path strings.Builder
	path.WriteString(r.Method + " /" + info.APIPrefix)
	if info.APIGroup != "" {
		path.WriteString("/" + info.APIGroup)
	}
	path.WriteString("/" + info.APIVersion)
	if info.Namespace != "" {
		path.WriteString("/namespaces/{:namespace}")
	}
	path.WriteString("/" + info.Resource)
	if info.Name != "" {
		path.WriteString("/{:name}")
	}
	if info.Subresource != "" {
		path.WriteString("/" + info.Subresource)
	}
	return path.String()
}
