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
	busyRoom  = 32 << 20 // when collections follow one another closely
	quietRoom = 8 << 20
	leastRoom = 25 // per cent of what is alive, so that collections do not take over in the end
	mostRoom  = 800

	closely = 2 * time.Second
	calm    = 5 * time.Second // without a collection: the load is over
)

// tuneGC adapts GOGC after each collection, unless the environment sets it.
func tuneGC() {
	if os.Getenv("GOGC") != "" {
		return
	}
	// What a load leaves behind would stay for minutes.
	release := time.AfterFunc(calm, debug.FreeOSMemory)
	release.Stop()
	(&collector{release: release, last: time.Now()}).tune(quietRoom)
}

// collector knows when the last collection was.
type collector struct {
	release *time.Timer
	last    time.Time
}

// tune sets the room, and does so again after the next collection: it frees
// what the cleanup is attached to.
func (c *collector) tune(room uint64) {
	debug.SetGCPercent(gcPercent(liveHeap(), room))
	runtime.AddCleanup(new([32]byte), func(c *collector) {
		room, now := uint64(quietRoom), time.Now()
		if now.Sub(c.last) < closely {
			room = busyRoom
			c.release.Reset(calm)
		}
		c.last = now
		c.tune(room)
	}, c)
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
