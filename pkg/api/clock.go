package api

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type timeKey struct{}

// WithTime returns a context whose Now is t: the moment of a request.
func WithTime(ctx context.Context, t time.Time) context.Context {
	return context.WithValue(ctx, timeKey{}, t)
}

// Now returns the moment of the request that ctx belongs to, or the present if
// ctx does not say: the second of it, which is all that is stored of a time.
func Now(ctx context.Context) metav1.Time {
	t, ok := ctx.Value(timeKey{}).(time.Time)
	if !ok {
		t = time.Now()
	}
	return metav1.NewTime(t.Truncate(time.Second))
}
