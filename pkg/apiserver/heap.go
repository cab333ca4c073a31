package apiserver

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much garbage may gather between two collections. A collection costs as
// much as there is alive, however much it finds dead: under load it pays to
// wait for more of it. But the room is the same for a large store as for a small
// one, so that memory grows with the objects and not with a multiple of them, and
// while there is little to do memory is worth more than time.
const (
	busyRoom  = 48 << 20 // when collections follow one another closely
	quietRoom = 8 << 20
	leastRoom = 25 // per cent of what is alive, so that collections do not take over in the end
	mostRoom  = 800

	closely = 2 * time.Second
)

// tuneGC adapts GOGC after each collection, unless the environment sets it.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		afterGC(time.Now(), quietRoom)
	}
}

// afterGC sets the room now and after the next collection, which frees what the
// cleanup is attached to.
func afterGC(last time.Time, room uint64) {
	debug.SetGCPercent(gcPercent(liveHeap(), room))
	runtime.AddCleanup(new([32]byte), func(last time.Time) {
		room := uint64(quietRoom)
		if time.Since(last) < closely {
			room = busyRoom
		}
		afterGC(time.Now(), room)
	}, last)
}

// gcPercent is the GOGC that leaves room bytes beside what is alive.
func gcPercent(live, room uint64) int {
	percent := math.MaxInt
	if live > 0 {
		percent = int(room * 100 / live)
	}
	return min(max(percent, leastRoom), mostRoom)
}

// liveHeap returns how many bytes the last collection found alive.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
