package apiserver

import "testing"

func TestGCPercent(t *testing.T) {
	for _, test := range []struct {
		live, room uint64
		want       int
	}{
		{0, 8 << 20, mostRoom},
		{1 << 20, 48 << 20, mostRoom},
		{16 << 20, 48 << 20, 300},
		{16 << 20, 8 << 20, 50},
		{48 << 20, 48 << 20, 100},
		{4 << 30, 48 << 20, leastRoom},
	} {
		if got := gcPercent(test.live, test.room); got != test.want {
			t.Errorf("%d bytes alive, room for %d: %d %%, want %d %%", test.live, test.room, got, test.want)
		}
	}
}
