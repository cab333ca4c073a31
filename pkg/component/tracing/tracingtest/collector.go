// Package tracingtest is an OpenTelemetry collector for tests: it takes spans over
// OTLP's gRPC and shows them as trees.
package tracingtest

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Collector keeps what it is sent until the test ends.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	Endpoint string // where it listens

	mu    sync.Mutex
	spans []*tracev1.ResourceSpans
}

// Start returns a Collector that listens.
func Start(t testing.TB) *Collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{Endpoint: listener.Addr().String()}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, c)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // until Stop
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	return c
}

// Export takes spans.
func (c *Collector) Export(_ context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = append(c.spans, r.ResourceSpans...)
	return &collector.ExportTraceServiceResponse{}, nil
}

// Span is one with what began below it, in that order.
type Span struct {
	*tracev1.Span
	Resource map[string]string // of whoever sent it
	Children []*Span
}

// Trees returns the spans without a parent here, in the order in which they began.
func (c *Collector) Trees() (roots []*Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]*Span{}
	var all []*Span
	for _, group := range c.spans {
		for _, scope := range group.ScopeSpans {
			for _, span := range scope.Spans {
				s := &Span{Span: span, Resource: texts(group.Resource.Attributes)}
				byID[string(span.SpanId)], all = s, append(all, s)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Span) int { return int(int64(a.StartTimeUnixNano) - int64(b.StartTimeUnixNano)) })
	for _, s := range all {
		if parent := byID[string(s.ParentSpanId)]; parent != nil {
			parent.Children = append(parent.Children, s)
		} else {
			roots = append(roots, s)
		}
	}
	return roots
}

// Attributes are those of the span whose values are texts.
func (s *Span) Attributes() map[string]string { return texts(s.Span.Attributes) }

func texts(list []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, attribute := range list {
		if text, ok := attribute.Value.Value.(*common.AnyValue_StringValue); ok {
			out[attribute.Key] = text.StringValue
		}
	}
	return out
}

// Find returns the first span of the tree that ok holds for, or nil.
func (s *Span) Find(ok func(*Span) bool) *Span {
	if ok(s) {
		return s
	}
	for _, child := range s.Children {
		if found := child.Find(ok); found != nil {
			return found
		}
	}
	return nil
}

// String is the names of the tree, a line each, indented by their depth.
func (s *Span) String() string {
	text := s.Name + "\n"
	for _, child := range s.Children {
		for line := range strings.Lines(child.String()) {
			text += "  " + line
		}
	}
	return text
}
