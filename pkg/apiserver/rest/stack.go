package rest

import "runtime"

// writeStack is how deep a write goes, in bytes, by far: decoding, comparing
// and encoding recurse through the object.
const writeStack = 20 << 10

// growStack makes room for a write at once. A request's goroutine begins with a few
// kilobytes; to double them again and again, each time moving a deeper stack,
// costs a pod's creation four per cent more.
//
//go:noinline
func growStack() {
	var room [writeStack]byte
	runtime.KeepAlive(&room)
}
