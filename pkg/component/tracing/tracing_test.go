package tracing

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// What nobody asked to see costs a look-up, and allocates nothing.
func TestStartUnseen(t *testing.T) {
	ctx := deep()
	key := "configmaps/default/a"
	if allocated := testing.AllocsPerRun(100, func() { begin(ctx, key) }); allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
	if got, span := Start(ctx, "Get", nil); got != ctx || span.IsRecording() {
		t.Errorf("a span %v of nobody", span)
	}
}

func BenchmarkStartUnseen(b *testing.B) {
	ctx := deep()
	for b.Loop() {
		begin(ctx, "configmaps/default/a")
	}
}

func begin(ctx context.Context, key string) {
	_, span := Start(ctx, "Get", func() []attribute.KeyValue { return []attribute.KeyValue{attribute.String("key", key)} })
	span.End()
}

// deep is a context as a request's handlers see it.
func deep() context.Context {
	type step int
	ctx := context.Background()
	for i := range 8 {
		ctx = context.WithValue(ctx, step(i), i)
	}
	return ctx
}
