package storage

// SetRing changes how much of the past c holds.
func (c *Collection) SetRing(changes, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring.maxChanges, c.ring.maxBytes = changes, bytes
}

// RingLen returns how many changes c holds.
func (c *Collection) RingLen() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.ring.changes)
}
