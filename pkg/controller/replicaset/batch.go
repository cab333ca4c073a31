package replicaset

import (
	"sync"
)

const (
	// burst is how many pods one sync makes or deletes at most.
	burst = 500
	// atOnce bounds the requests that are under way together.
	atOnce = 64
)

// slowStart calls do n times in batches of 1, 2, 4, ... and stops after a batch in
// which a call failed. So a fault that hits every pod (a full quota) costs one
// request a sync and not n. It returns how often do succeeded, and the first error.
func slowStart(n int, do func(i int) error) (done int, err error) {
	for size := 1; done < n && err == nil; size *= 2 {
		start := done
		var succeeded int
		succeeded, err = together(min(size, n-start), func(i int) error { return do(start + i) })
		done += succeeded
	}
	return done, err
}

// together calls do n times, at most atOnce at a time, and waits for all.
func together(n int, do func(i int) error) (done int, err error) {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		slots = make(chan struct{}, atOnce)
	)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			callErr := do(i)
			mu.Lock()
			defer mu.Unlock()
			if callErr == nil {
				done++
			} else if err == nil {
				err = callErr
			}
		})
	}
	group.Wait()
	return done, err
}
