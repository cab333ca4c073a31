package authn

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxCached bounds a cache. A cluster has fewer credentials in use at once; one
// who sends many different ones only makes the cache start anew.
const maxCached = 8192

// cache remembers what a verified credential said until it expires, under a
// hash of the credential, so that memory holds no secrets.
type cache[V any] struct {
	mu      sync.RWMutex
	entries map[[sha256.Size]byte]cached[V]
}

type cached[V any] struct {
	value   V
	expires time.Time
}

func (c *cache[V]) get(id [sha256.Size]byte, now time.Time) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	entry, there := c.entries[id]
	if !there || now.After(entry.expires) {
		var none V
		return none, false
	}
	return entry.value, true
}

func (c *cache[V]) put(id [sha256.Size]byte, value V, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxCached {
		c.entries = map[[sha256.Size]byte]cached[V]{}
	}
	c.entries[id] = cached[V]{value: value, expires: expires}
}
