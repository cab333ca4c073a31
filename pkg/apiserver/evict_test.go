package apiserver

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// evictable makes a running pod labelled app=NAME; ready says whether it is.
func evictable(t *testing.T, ns, name, app, ready string) {
	t.Helper()
	pods := "/api/v1/namespaces/" + ns + "/pods"
	body := fmt.Sprintf(`{"metadata":{"name":%q,"labels":{"app":%q}},"spec":{"containers":[{"name":"c","image":"i"}],"terminationGracePeriodSeconds":0}}`, name, app)
	if got := do(t, "POST", pods, body); got.code != http.StatusCreated {
		t.Fatalf("pod %s: %s", name, got.raw)
	}
	status := fmt.Sprintf(`{"status":{"phase":"Running","conditions":[{"type":"Ready","status":%q}]}}`, ready)
	if got := do(t, "PATCH", pods+"/"+name+"/status", status, "Content-Type: application/merge-patch+json"); got.code != http.StatusOK {
		t.Fatalf("status of %s: %s", name, got.raw)
	}
}

// budget makes a PodDisruptionBudget as its controller leaves it.
func budget(t *testing.T, ns, name, app, spec, status string) {
	t.Helper()
	budgets := "/apis/policy/v1/namespaces/" + ns + "/poddisruptionbudgets"
	body := fmt.Sprintf(`{"metadata":{"name":%q},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":%q}}%s}}`, name, app, spec)
	if got := do(t, "POST", budgets, body); got.code != http.StatusCreated {
		t.Fatalf("budget %s: %s", name, got.raw)
	}
	if status == "" {
		return
	}
	body = fmt.Sprintf(`{"status":{"observedGeneration":1,"expectedPods":2,%s}}`, status)
	if got := do(t, "PATCH", budgets+"/"+name+"/status", body, "Content-Type: application/merge-patch+json"); got.code != http.StatusOK {
		t.Fatalf("status of %s: %s", name, got.raw)
	}
}

func evict(t *testing.T, ns, pod, options string) answerOf {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q}%s}`, pod, options)
	return do(t, "POST", "/api/v1/namespaces/"+ns+"/pods/"+pod+"/eviction", body)
}

func TestEviction(t *testing.T) {
	ns := namespace(t)
	pod := func(name string) answerOf { return do(t, "GET", "/api/v1/namespaces/"+ns+"/pods/"+name, "") }
	for _, app := range []string{"free", "spent", "new", "twice", "one", "kept"} {
		evictable(t, ns, app, app, "True")
	}
	evictable(t, ns, "unready", "spent", "False")
	evictable(t, ns, "always", "one", "False")
	budget(t, ns, "spent", "spent", "", `"currentHealthy":1,"desiredHealthy":1,"disruptionsAllowed":0`)
	budget(t, ns, "new", "new", "", "")
	budget(t, ns, "twice-a", "twice", "", `"currentHealthy":2,"desiredHealthy":1,"disruptionsAllowed":1`)
	budget(t, ns, "twice-b", "twice", "", `"currentHealthy":2,"desiredHealthy":1,"disruptionsAllowed":1`)
	budget(t, ns, "one", "one", `,"unhealthyPodEvictionPolicy":"AlwaysAllow"`, `"currentHealthy":2,"desiredHealthy":1,"disruptionsAllowed":1`)

	const refusal = "Cannot evict pod as it would violate the pod's disruption budget."
	for _, test := range []struct {
		name, pod, options string
		code               int
		message, cause     string
		retry              string // the header Retry-After
		gone               bool
	}{
		{"no pod", "absent", "", 404, `pods "absent" not found`, "", "", true},
		{"no budget, rehearsed", "free", `,"deleteOptions":{"dryRun":["All"]}`, 201, "", "", "", false},
		{"no budget", "free", "", 201, "", "", "", true},
		{"another pod of the name", "kept", `,"deleteOptions":{"preconditions":{"uid":"other"}}`, 409, "", "", "", false},
		{"a spent budget", "spent", "", 429, refusal, "The disruption budget spent needs 1 healthy pods and has 1 currently", "", false},
		{"a spent budget, rehearsed", "spent", `,"deleteOptions":{"dryRun":["All"]}`, 429, refusal, "The disruption budget spent needs 1 healthy pods and has 1 currently", "", false},
		{"a pod that does not count", "unready", "", 201, "", "", "", true},
		{"a budget that is not known yet", "new", "", 429, refusal, "The disruption budget new is still being processed by the server.", "10", false},
		{"two budgets", "twice", "", 201, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.", "", "", false},
		{"a budget with room, rehearsed", "one", `,"deleteOptions":{"dryRun":["All"]}`, 201, "", "", "", false},
		{"an unready pod that may always go", "always", "", 201, "", "", "", true},
		{"a budget with room", "one", "", 201, "", "", "", true},
	} {
		got := evict(t, ns, test.pod, test.options)
		if got.code != test.code || test.message != "" && got.at("message") != test.message {
			t.Errorf("%s: %d %s", test.name, got.code, got.raw)
		}
		if test.cause != "" && (got.at("details.causes.0.message") != test.cause || got.at("details.causes.0.reason") != "DisruptionBudget" || got.header.Get("Retry-After") != test.retry) {
			t.Errorf("%s: %s, Retry-After %q", test.name, got.raw, got.header.Get("Retry-After"))
		}
		if (pod(test.pod).code == http.StatusNotFound) != test.gone {
			t.Errorf("%s: gone is %t", test.name, !test.gone)
		}
	}
	after := do(t, "GET", "/apis/policy/v1/namespaces/"+ns+"/poddisruptionbudgets/one", "")
	if fmt.Sprint(after.at("status.disruptionsAllowed")) != "0" || after.at("status.disruptedPods.one") == nil || after.at("status.disruptedPods.always") != nil ||
		after.at("status.conditions.0.reason") != "InsufficientPods" {
		t.Errorf("the budget afterwards: %s", after.raw)
	}
	for _, metadata := range []string{`{"name":"other"}`, `{}`} {
		got := do(t, "POST", "/api/v1/namespaces/"+ns+"/pods/kept/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":`+metadata+`}`)
		if got.code != 400 || got.at("message") != "name in URL does not match name in Eviction object" {
			t.Errorf("with metadata %s: %s", metadata, got.raw)
		}
	}
	old := `{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"kept"}}`
	if got := do(t, "POST", "/api/v1/namespaces/"+ns+"/pods/kept/eviction", old); got.code != 201 {
		t.Errorf("as old clients ask: %s", got.raw)
	}
}

// TestEvictionsAtOnce: a budget of two lets two go, however many ask.
func TestEvictionsAtOnce(t *testing.T) {
	ns := namespace(t)
	const pods = 8
	for i := range pods {
		evictable(t, ns, fmt.Sprint("p", i), "a", "True")
	}
	budget(t, ns, "a", "a", "", `"currentHealthy":8,"desiredHealthy":6,"disruptionsAllowed":2`)
	codes := make([]int, pods)
	var asking sync.WaitGroup
	for i := range codes {
		asking.Go(func() { codes[i] = evict(t, ns, fmt.Sprint("p", i), "").code })
	}
	asking.Wait()
	count := map[int]int{}
	for _, code := range codes {
		count[code]++
	}
	if count[201] != 2 || count[429] != pods-2 {
		t.Errorf("answers %v", count)
	}
}

func TestEvictionSaysWhy(t *testing.T) {
	ns := namespace(t)
	evictable(t, ns, "held", "a", "True")
	path := "/api/v1/namespaces/" + ns + "/pods/held"
	do(t, "PATCH", path, `{"metadata":{"finalizers":["example.com/hold"]}}`, "Content-Type: application/merge-patch+json")
	if got := evict(t, ns, "held", ""); got.code != http.StatusCreated {
		t.Fatalf("%d %s", got.code, got.raw)
	}
	got := do(t, "GET", path, "")
	if got.at("metadata.deletionTimestamp") == nil || got.at("status.conditions.1.type") != "DisruptionTarget" || got.at("status.conditions.1.reason") != "EvictionByEvictionAPI" {
		t.Errorf("the pod: %s", got.raw)
	}
	do(t, "PATCH", path, `{"metadata":{"finalizers":null}}`, "Content-Type: application/merge-patch+json")
}
