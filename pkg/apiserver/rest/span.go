package rest

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/util/net"

	"slowmo/pkg/component/tracing"
)

// spans are what kube-apiserver names the spans of the verbs.
var spans = map[string]string{"get": "Get", "list": "List", "create": "Create", "update": "Update", "patch": "Patch",
	"delete": "Delete", "deletecollection": "Delete"}

// trace begins the span of the call. Watches and connections have none: how long
// they last is their client's choice.
func (c *call) trace() trace.Span {
	name, ok := spans[c.info.Verb]
	if !ok || c.sub != nil && c.sub.Connect {
		return trace.SpanFromContext(context.Background()) // nobody sees it
	}
	return c.span(name)
}

// span begins a span, below which is what the call does from then on.
func (c *call) span(name string) trace.Span {
	ctx, span := tracing.Start(c.ctx, name, c.describe)
	if span.IsRecording() {
		c.ctx, c.r = ctx, c.r.WithContext(ctx)
	}
	return span
}

func (c *call) describe() []attribute.KeyValue {
	client := ""
	if ip := net.GetClientIP(c.r); ip != nil {
		client = ip.String()
	}
	return []attribute.KeyValue{
		attribute.String("accept", c.r.Header.Get("Accept")),
		attribute.String("audit-id", c.state.AuditID),
		attribute.String("client", client),
		attribute.String("api-group", c.info.APIGroup),
		attribute.String("api-version", c.info.APIVersion),
		attribute.String("name", c.info.Name),
		attribute.String("subresource", c.info.Subresource),
		attribute.String("namespace", c.info.Namespace),
		attribute.String("protocol", c.r.Proto),
		attribute.String("resource", c.info.Resource),
		attribute.String("scope", c.info.Scope()),
		attribute.String("url", c.r.URL.Path),
		attribute.String("user-agent", c.r.UserAgent()),
		attribute.String("verb", c.info.Verb),
	}
}
