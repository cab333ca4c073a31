package fake

import (
	"testing"

	"slowmo/pkg/kubelet/cri/critest"
)

func TestConformance(t *testing.T) {
	r := New(0)
	critest.Run(t, critest.Subject{Runtime: r, Image: "example.com/tool:1", Exit: r.Exit})
}
