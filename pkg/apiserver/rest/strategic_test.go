package rest

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

// TestStrategicPatchOfParts: what goes through maps in parts comes out as if
// the whole object had.
func TestStrategicPatchOfParts(t *testing.T) {
	for name, test := range map[string]struct {
		patch string
		parts bool // whether it is about parts alone
	}{
		"status":              {`{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`, true},
		"element of a list":   {`{"spec":{"containers":[{"name":"b","image":"new"}]}}`, true},
		"element deleted":     {`{"spec":{"containers":[{"name":"a","$patch":"delete"}]}}`, true},
		"order of elements":   {`{"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[{"name":"a","image":"n"}]}}`, true},
		"part replaced":       {`{"status":{"$patch":"replace","phase":"Failed"}}`, true},
		"part gone":           {`{"status":null}`, true},
		"label and status":    {`{"metadata":{"labels":{"app":null,"new":"yes"}},"status":{"message":"m"}}`, true},
		"kept keys":           {`{"spec":{"$retainKeys":["containers"],"containers":[{"name":"a","image":"n"}]}}`, true},
		"nothing":             {`{}`, true},
		"the object replaced": {`{"$patch":"replace","metadata":{"name":"p"},"spec":{"nodeName":"n"}}`, false},
		"kind":                {`{"kind":"Pod","status":{"phase":"Running"}}`, false},
		"unknown part":        {`{"stats":{"phase":"Running"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := &write{call: &call{endpoint: &endpoint{form: api.Version{New: func() api.Object { return &corev1.Pod{} }}}}, validation: metav1.FieldValidationIgnore}
			var patch map[string]any
			if err := json.Unmarshal([]byte(test.patch), &patch); err != nil {
				t.Fatal(err)
			}
			if _, rest := w.split(apitest.TwoContainers(), patch); (rest != nil) != test.parts {
				t.Errorf("in parts: %t, want %t", rest != nil, test.parts)
			}
			edit := w.strategicPatch([]byte(test.patch))
			got, err := edit(apitest.TwoContainers())
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := w.mergeStrategic(apitest.TwoContainers(), runtime.DeepCopyJSON(patch))
			if err != nil {
				t.Fatal(err)
			}
			if !equality.Semantic.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
