package apiserver

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const deprecatedStatus = `299 - "v1 ComponentStatus is deprecated in v1.19+"`

func TestComponentStatuses(t *testing.T) {
	const all = "/api/v1/componentstatuses"
	run(t, []exchange{
		{"list", "GET", all, "", nil, 200, map[string]any{"kind": "ComponentStatusList", "apiVersion": "v1", "metadata.resourceVersion": nil, "items.2.metadata.name": "etcd-0",
			"items.2.conditions.0.status": "True", "items.2.conditions.0.message": "ok", "items.3": nil}, []string{deprecatedStatus}},
		{"select", "GET", all + "?fieldSelector=metadata.name%3Dscheduler", "", nil, 200, map[string]any{"items.0.metadata.name": "scheduler", "items.1": nil}, nil},
		{"select by label", "GET", all + "?labelSelector=a%3Db", "", nil, 200, map[string]any{"items.0": nil}, nil},
		{"table", "GET", all, "", []string{tableType}, 200, map[string]any{"columnDefinitions.1.name": "Status", "rows.2.cells.1": "Healthy"}, nil},
		{"get", "GET", all + "/etcd-0", "", nil, 200, map[string]any{"kind": "ComponentStatus", "apiVersion": "v1", "conditions.0.type": "Healthy"}, []string{deprecatedStatus}},
		{"get another", "GET", all + "/none", "", nil, 404, map[string]any{"message": `componentstatus "none" not found`}, nil},
		{"create", "POST", all, "{}", nil, 405, nil, nil},
		{"watch", "GET", all + "?watch=1", "", nil, 405, nil, nil},
	})
}

func TestProbe(t *testing.T) {
	code := http.StatusOK
	component := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "leaderElection", code) }))
	if err := probe(t.Context(), component.Client(), component.URL); err != nil {
		t.Error(err)
	}
	code = http.StatusInternalServerError
	if err := probe(t.Context(), component.Client(), component.URL); err == nil || err.Error() != "HTTP probe failed with statuscode: 500: leaderElection\n" {
		t.Errorf("an unwell one: %v", err)
	}
	component.Close()
	if probe(t.Context(), http.DefaultClient, component.URL) == nil {
		t.Error("one that is not there is well")
	}
	if got := componentStatus("a", errors.New("why")); got.Name != "a" || got.Conditions[0].Status != corev1.ConditionFalse || got.Conditions[0].Message != "why" {
		t.Errorf("%+v", got)
	}
}
