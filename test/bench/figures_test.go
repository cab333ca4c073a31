package bench

import (
	"fmt"
	"strings"
	"testing"
)

// figures are what was measured on a server, by name. A name ends in its unit.
type figures map[string]float64

// goal is what a figure is to be: so many times better than the peer's, or
// within a limit.
type goal struct {
	figure string
	more   bool    // more is better
	factor float64 // how many times better than the peer
	peer   float64 // kube-apiserver 1.37.2 with etcd 3.7.3, measured on 2 cores; 0: not known
	limit  float64 // instead of factor: at most
}

// print reports each figure beside what is wanted, and beside the peer's: of the
// same run if it was there, recorded otherwise.
func (g goal) print(b *testing.B, ours, theirs figures) {
	b.Helper()
	unit := g.figure[strings.LastIndexByte(g.figure, ' ')+1:]
	b.ReportMetric(ours[g.figure], strings.ReplaceAll(g.figure, " ", "-"))
	peer, source := g.peer, "recorded"
	if theirs != nil {
		peer, source = theirs[g.figure], "of this run"
	}
	line := fmt.Sprintf("%-52s %10.5g %s", g.figure[:len(g.figure)-len(unit)-1], ours[g.figure], unit)
	if peer > 0 {
		ratio := peer / ours[g.figure]
		if g.more {
			ratio = 1 / ratio
		}
		line += fmt.Sprintf("; kube-apiserver's, %s: %.5g; %.2f x better", source, peer, ratio)
	}
	switch {
	case g.factor > 0:
		line += fmt.Sprintf(" (wanted: %g x)", g.factor)
	case g.limit > 0:
		line += fmt.Sprintf(" (wanted: at most %g %s)", g.limit, unit)
	}
	fmt.Println(line)
}
