package api

import (
	"testing"
	"time"
)

func TestNow(t *testing.T) {
	moment := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	if got := Now(WithTime(t.Context(), moment)); !got.Time.Equal(moment.Truncate(time.Second)) {
		t.Errorf("got %v", got)
	}
	if got := Now(t.Context()); got.Nanosecond() != 0 || time.Since(got.Time) > time.Minute {
		t.Errorf("the present: %v", got)
	}
}
