package api

import "context"

type warnKey struct{}

// WithWarn returns a context whose Warn calls warn: what adds to the answer of a
// request.
func WithWarn(ctx context.Context, warn func(text string)) context.Context {
	return context.WithValue(ctx, warnKey{}, warn)
}

// Warn tells the client, in a Warning header of the answer, of what becomes
// visible only while an object is prepared. All else is said by Resource.Warnings.
func Warn(ctx context.Context, text string) {
	if warn, ok := ctx.Value(warnKey{}).(func(string)); ok {
		warn(text)
	}
}
