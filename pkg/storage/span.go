package storage

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"slowmo/pkg/component/tracing"
)

// span begins the span of what is done with a key or with all below it, named as
// kube-apiserver names it.
func (c *Collection) span(ctx context.Context, name, key string) (context.Context, trace.Span) {
	return tracing.Start(ctx, name, func() []attribute.KeyValue {
		return []attribute.KeyValue{
			attribute.String("key", strings.TrimPrefix(key, root)),
			attribute.String("group", c.resource.Group),
			attribute.String("resource", c.resource.Plural),
		}
	})
}
