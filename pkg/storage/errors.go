package storage

import (
	"errors"
	"fmt"
)

// The reasons for which an operation fails. Test for them with errors.Is: what
// is returned wraps them and names the key or the revision.
var (
	ErrNotFound = errors.New("storage: not found")
	ErrExists   = errors.New("storage: already exists")
	ErrConflict = errors.New("storage: conflict")                // a guard failed
	ErrExpired  = errors.New("storage: revision is compacted")   // HTTP 410
	ErrFuture   = errors.New("storage: revision is not reached") // HTTP 504, "Too large resource version"
	ErrContinue = errors.New("continue key is not valid")        // what follows it are upstream's words
	ErrTooLarge = errors.New("etcdserver: request is too large") // etcd's words
	ErrCorrupt  = errors.New("storage: stored object cannot be decoded")
)

// ExpiredError is the ErrExpired of a List whose continue token outlived the
// history. Continue goes on from the same key in the present state, for clients
// that prefer an inconsistent rest to a new start.
type ExpiredError struct{ Continue string }

func (e *ExpiredError) Error() string { return ErrExpired.Error() }
func (e *ExpiredError) Unwrap() error { return ErrExpired }

// FutureError is the ErrFuture of a read at a revision that etcd has not reached.
type FutureError struct{ Requested, Current int64 }

func (e *FutureError) Error() string {
	return fmt.Sprintf("Too large resource version: %d, current: %d", e.Requested, e.Current)
}
func (e *FutureError) Unwrap() error { return ErrFuture }

// TooOldError is the ErrExpired of a watch after a revision whose changes are not
// held any more.
type TooOldError struct{ Requested, Oldest int64 }

func (e *TooOldError) Error() string {
	return fmt.Sprintf("too old resource version: %d (%d)", e.Requested, e.Oldest)
}
func (e *TooOldError) Unwrap() error { return ErrExpired }

// OpError says which of the extra operations of a write failed its guard. It
// wraps ErrExists.
type OpError struct {
	Key string
	Err error
}

func (e *OpError) Error() string { return fmt.Sprintf("%v: %s", e.Err, e.Key) }
func (e *OpError) Unwrap() error { return e.Err }
