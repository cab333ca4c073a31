package bootstrap

import (
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/utils/ptr"

	flowcontrolapi "slowmo/pkg/api/flowcontrol"
)

func TestMergeFlowSchema(t *testing.T) {
	wanted := flowcontrolapi.FlowSchemas()[2]
	edited := func(auto string, generation int64) *flowcontrolv1.FlowSchema {
		present := wanted.DeepCopy()
		present.Spec.MatchingPrecedence, present.Generation = 7, generation
		present.Annotations = nil
		if auto != "" {
			present.Annotations = map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: auto}
		}
		return present
	}
	for _, c := range []struct {
		what    string
		present *flowcontrolv1.FlowSchema
		mends   bool
	}{
		{"as wanted", wanted, false},
		{"edited", edited("true", 2), true},
		{"the administrator's own", edited("false", 2), false},
		{"unmarked and never edited", edited("", 1), true},
		{"unmarked and edited", edited("", 2), false},
	} {
		next := mergeFlowSchema(c.present, wanted)
		if (next != nil) != c.mends {
			t.Errorf("%s: becomes %v", c.what, next)
		}
		if next != nil && (next.(*flowcontrolv1.FlowSchema).Spec.MatchingPrecedence != wanted.Spec.MatchingPrecedence || next.GetGeneration() != c.present.Generation+1) {
			t.Errorf("%s: becomes %v", c.what, next)
		}
	}
}

// TestMergeKeepsExemptShares checks that the shares of the exempt level stay the
// administrator's.
func TestMergeKeepsExemptShares(t *testing.T) {
	for _, wanted := range flowcontrolapi.PriorityLevels() {
		if wanted.Spec.Exempt == nil {
			continue
		}
		present := wanted.DeepCopy()
		present.Spec.Exempt.NominalConcurrencyShares = ptr.To[int32](9)
		if next := mergePriorityLevel(present, wanted); next != nil {
			t.Errorf("becomes %v", next)
		}
	}
}
