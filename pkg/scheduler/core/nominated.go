package core

// judgeNominated judges the node at position i as if the pods that preempted others for
// its sake, and are no less important than p, were on it already.
func (s *Snapshot) judgeNominated(c *class, p *Pod, i int) *rejection {
	if len(s.nominated[s.order[i].Name]) == 0 {
		return nil
	}
	state := s.order[i].clone()
	s.addNominated(state, p)
	return s.suppose(c, i, state)
}

// addNominated puts those pods on a copy of their node.
func (s *Snapshot) addNominated(state *node, p *Pod) {
	for uid, other := range s.nominated[state.Name] {
		if uid != p.UID && other.priority >= p.priority {
			state.add(other)
		}
	}
}

// suppose judges the node at position i as if it were in the given state.
func (s *Snapshot) suppose(c *class, i int, state *node) *rejection {
	v := s.ask(c, state)
	return s.rejects(c, i, &v, &assumption{before: c.verdicts[i].counts, after: v.counts})
}
