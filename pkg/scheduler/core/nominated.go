package core

// judgeNominated judges the node at position i as if the pods that preempted others for
// its sake, and are no less important than p, were on it already.
func (s *Snapshot) judgeNominated(c *class, p *Pod, i int) *rejection {
	n := s.order[i]
	var with *node
	for uid, other := range s.nominated[n.Name] {
		if uid == p.UID || other.priority < p.priority {
			continue
		}
		if with == nil {
			with = n.clone()
		}
		with.add(other)
	}
	if with == nil {
		return nil
	}
	return s.suppose(c, i, with)
}

// suppose judges the node at position i as if it were in the given state.
func (s *Snapshot) suppose(c *class, i int, state *node) *rejection {
	v := s.ask(c, state)
	return s.rejects(c, i, &v, &assumption{before: c.verdicts[i].counts, after: v.counts})
}
