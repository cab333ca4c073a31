package apiserver

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// Events are stored once and served in two groups: what is written in one is
// read, listed, selected, watched and applied in the other.
func TestTwoVersionsOfOneObject(t *testing.T) {
	ns := namespace(t)
	old, new := "/api/v1/namespaces/"+ns+"/events", "/apis/events.k8s.io/v1/namespaces/"+ns+"/events"
	regarding := `{"kind":"Pod","namespace":"` + ns + `","name":"p"}`
	event := `{"metadata":{"name":"a"},"regarding":` + regarding + `,"eventTime":"2026-01-02T03:04:05.000000Z","reason":"R","note":"n","action":"A","type":"Normal","reportingController":"c.io/x","reportingInstance":"i"}`
	run(t, []exchange{
		{"create in the newer", "POST", new, event, nil, 201, map[string]any{"apiVersion": "events.k8s.io/v1", "note": "n", "message": nil}, nil},
		{"create again", "POST", new, event, nil, 409, map[string]any{"details.group": "events.k8s.io", "message": `events.events.k8s.io "a" already exists`}, nil},
		{"read in the older", "GET", old + "/a", "", nil, 200, map[string]any{"apiVersion": "v1", "message": "n", "note": nil, "involvedObject.name": "p"}, nil},
		{"read in the newer", "GET", new + "/a", "", nil, 200, map[string]any{"apiVersion": "events.k8s.io/v1", "note": "n", "regarding.name": "p"}, nil},
		{"list in the newer", "GET", new + "?fieldSelector=regarding.name%3Dp,reportingController%3Dc.io/x", "", nil, 200,
			map[string]any{"kind": "EventList", "apiVersion": "events.k8s.io/v1", "items.0.note": "n", "items.1": nil}, nil},
		{"select nothing", "GET", new + "?fieldSelector=regarding.name%3Dq", "", nil, 200, map[string]any{"items.0": nil}, nil},
		{"select by the older name", "GET", new + "?fieldSelector=involvedObject.name%3Dp", "", nil, 400,
			map[string]any{"message": "field label not supported: involvedObject.name"}, nil},
		{"select by the newer name", "GET", old + "?fieldSelector=regarding.name%3Dp", "", nil, 400,
			map[string]any{"message": "field label not supported: regarding.name"}, nil},
		{"table", "GET", new + "/a", "", []string{tableType}, 200, map[string]any{"columnDefinitions.0.name": "Last Seen", "rows.0.cells.3": "pod/p"}, nil},
		{"patch", "PATCH", new + "/a", `{"series":{"count":2,"lastObservedTime":"2026-01-02T03:04:06.000000Z"}}`, []string{mergeType}, 200, map[string]any{"series.count": 2}, nil},
		{"patch what is fixed", "PATCH", new + "/a", `{"note":"other"}`, []string{mergeType}, 422,
			map[string]any{"message": `Event "a" is invalid: message: Invalid value: "other": field is immutable`, "details.group": nil}, nil},
		{"patch in the older", "PATCH", old + "/a", `{"message":"other"}`, []string{mergeType}, 200, map[string]any{"message": "other"}, nil},
		{"create an old event in the newer", "POST", new, `{"metadata":{"name":"b"},"regarding":` + regarding + `,"deprecatedCount":1}`, nil, 422,
			map[string]any{"details.causes.0.field": "eventTime", "details.causes.1.message": `Invalid value: "": has invalid value: `, "details.causes.2.field": "count", "details.causes.3": nil}, nil},
		{"create a new event without controller", "POST", new, `{"metadata":{"name":"b"},"eventTime":"2026-01-02T03:04:05.000000Z"}`, nil, 422,
			map[string]any{"details.causes.1.field": "reportingController"}, nil},
		{"create one in the older", "POST", old, `{"metadata":{"name":"b"},"eventTime":"2026-01-02T03:04:05.000000Z"}`, nil, 422,
			map[string]any{"details.causes.1.field": "reportingComponent"}, nil},
		{"apply labels in the older", "PATCH", old + "/a?fieldManager=m", `{"apiVersion":"v1","kind":"Event","metadata":{"name":"a","labels":{"x":"1","y":"1"}}}`,
			[]string{applyType}, 200, map[string]any{"metadata.labels.x": 1}, nil},
		{"apply fewer in the newer", "PATCH", new + "/a?fieldManager=m", `{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"a","labels":{"x":"1"}}}`,
			[]string{applyType}, 200, map[string]any{"metadata.labels.x": 1, "metadata.labels.y": nil}, nil},
		{"conflict with the other version's manager", "PATCH", new + "/a?fieldManager=other", `{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"a","labels":{"x":"2"}}}`,
			[]string{applyType}, 409, map[string]any{"message": `Apply failed with 1 conflict: conflict with "m": .metadata.labels.x`}, nil},
		{"discovery", "GET", "/apis/events.k8s.io/v1", "", nil, 200, map[string]any{"resources.0.name": "events", "resources.0.kind": "Event", "resources.0.shortNames.0": "ev"}, nil},
		{"delete", "DELETE", new + "/a", "", nil, 200, map[string]any{"details.group": "events.k8s.io"}, nil},
		{"gone", "GET", old + "/a", "", nil, 404, nil, nil},
	})
}

func TestWatchInBothVersions(t *testing.T) {
	for _, contentType := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
		t.Run(contentType[len("application/"):], func(t *testing.T) {
			client, ns := typed(t, contentType), namespace(t)
			old, err := client.CoreV1().Events(ns).Watch(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=p"})
			if err != nil {
				t.Fatal(err)
			}
			defer old.Stop()
			newer, err := client.EventsV1().Events(ns).Watch(t.Context(), metav1.ListOptions{FieldSelector: "regarding.name=p"})
			if err != nil {
				t.Fatal(err)
			}
			defer newer.Stop()
			event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e"}, Message: "m", InvolvedObject: corev1.ObjectReference{Namespace: ns, Name: "p"}}
			if _, err := client.CoreV1().Events(ns).Create(t.Context(), event, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := expect(t, old, watch.Added, "e").(*corev1.Event); got.Message != "m" {
				t.Errorf("the older watch got %v", got)
			}
			if got := expect(t, newer, watch.Added, "e").(*eventsv1.Event); got.Note != "m" {
				t.Errorf("the newer watch got %v", got)
			}
		})
	}
}

// Warnings about the rest of an object say nothing to who writes its status.
func TestNoWarningsOfStatus(t *testing.T) {
	claims := "/api/v1/namespaces/" + namespace(t) + "/persistentvolumeclaims"
	fraction := []string{`299 - "spec.resources.requests[storage]: fractional byte value \"1500m\" is invalid, must be an integer"`}
	run(t, []exchange{
		{"create", "POST", claims, `{"metadata":{"name":"a"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1.5"}}}}`, nil, 201, nil, fraction},
		{"update", "PATCH", claims + "/a", `{"metadata":{"labels":{"k":"v"}}}`, []string{mergeType}, 200, nil, fraction},
		{"status", "PATCH", claims + "/a/status", `{"status":{"phase":"Lost"}}`, []string{mergeType}, 200, map[string]any{"status.phase": "Lost"}, []string{}},
	})
}
