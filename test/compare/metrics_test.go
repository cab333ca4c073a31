package compare

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// counted are requests of a user of its own kind of object, so that no other client
// of either server counts.
var counted = []step{
	{Do: "POST /api/v1/namespaces/default/podtemplates", Raw: `{"metadata":{"name":"a"},"template":{"spec":{"containers":[{"name":"c","image":"i"}]}}}`},
	{Do: "GET /api/v1/namespaces/default/podtemplates/a"},
	{Do: "GET /api/v1/namespaces/default/podtemplates/b"},
	{Do: "GET /api/v1/podtemplates"},
	{Do: "GET /api/v1/namespaces/default/podtemplates"},
	{Do: "GET /api/v1/namespaces/default/podtemplates?watch=1&timeoutSeconds=1"},
	{Do: "PATCH /api/v1/namespaces/default/podtemplates/a", Type: "merge", Raw: `{"metadata":{"labels":{"a":"b"}}}`},
	{Do: "PATCH /api/v1/namespaces/default/podtemplates/a?fieldManager=x&dryRun=All", Type: "apply", Raw: `{"apiVersion":"v1","kind":"PodTemplate","metadata":{"name":"a"}}`},
	{Do: "PUT /api/v1/namespaces/default/podtemplates", Raw: `{}`},
	{Do: "GET /api/v1/namespaces/default/podtemplates/a/nonesuch"},
	{Do: "DELETE /api/v1/namespaces/default/podtemplates/a"},
	{Do: "DELETE /api/v1/namespaces/default/podtemplates"},
	{Do: "GET /livez"}, {Do: "GET /livez/ping"}, {Do: "GET /openapi/v3"}, {Do: "GET /openapi/v3/apis/apps/v1"}, {Do: "GET /flagz"}, {Do: "GET /version"},
}

// compared are the series of the metrics that others' dashboards are made of. The
// operations of etcd are those of writes: reads are answered from memory here.
var compared = regexp.MustCompile(`^(apiserver_(request_total|request_duration_seconds_(count|bucket)|request_sli_duration_seconds_(count|bucket)|` +
	`watch_events_total|resource_objects|longrunning_requests|current_inflight_requests)|` +
	`etcd_(requests_total|request_duration_seconds_(count|bucket)))\{.*(podtemplates|openapi/v3|/livez|flagz|request_kind)`)

// TestMetrics compares the names and labels of what both servers count.
func TestMetrics(t *testing.T) {
	both := start(t)
	seen := map[*server][]string{}
	for _, s := range []*server{both.theirs, both.ours} {
		for i, step := range counted {
			if _, err := s.do(t.Context(), step); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		a, err := s.do(t.Context(), step{Do: "GET /metrics"})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(fmt.Sprint(a.raw)) {
			series := line[:strings.LastIndex(line, " ")]
			if compared.MatchString(series) && !regexp.MustCompile(`operation="(get|list|listStream|getCurrentResourceVersion)"`).MatchString(series) {
				seen[s] = append(seen[s], series)
			}
		}
	}
	if len(seen[both.theirs]) < 50 {
		t.Errorf("only %q", seen[both.theirs])
	}
	for _, series := range seen[both.theirs] {
		if !slices.Contains(seen[both.ours], series) && !strings.Contains(series, "longrunning") { // of upstream's own watches
			t.Errorf("ours has no %s", series)
		}
	}
	for _, series := range seen[both.ours] {
		if !slices.Contains(seen[both.theirs], series) {
			t.Errorf("upstream has no %s", series)
		}
	}
}
