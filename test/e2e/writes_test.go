package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// write is a request that changed something, or tried to, as the audit log has
// it and as the reference files have it.
type write struct {
	Actor, Verb, Resource, Name string
	Code                        int
	Cause                       string
}

func (w write) String() string {
	return fmt.Sprintf("%s %s %s %s %d (cause %s)", w.Actor, w.Verb, w.Resource, w.Name, w.Code, w.Cause)
}

// auditEvent is what we need of an audit.k8s.io/v1 Event.
type auditEvent struct {
	Stage          string
	Verb           string
	User           struct{ Username string }
	ObjectRef      struct{ Resource, Subresource, Name string }
	ResponseStatus struct{ Code int }
	Annotations    map[string]string
}

// auditMark returns the present end of the audit log.
func auditMark(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(shared.Audit)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// writesSince returns what was written since mark, but for what goes on
// whether or not anybody does anything: leases, nodes' heartbeats, reviews.
func writesSince(t *testing.T, mark int64) []write {
	t.Helper()
	log, err := os.Open(shared.Audit)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.Seek(mark, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	var writes []write
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // still being written
		}
		var event auditEvent
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("audit log: %v in %s", err, line)
		}
		if w, ok := asWrite(event); ok {
			writes = append(writes, w)
		}
	}
	return writes
}

func asWrite(e auditEvent) (write, bool) {
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	reads := []string{"get", "list", "watch"}
	background := []string{"leases", "nodes", "nodes/status", "tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews"}
	connections := []string{"pods/exec", "pods/attach", "pods/portforward", "pods/log"}
	ok := e.Stage == "ResponseComplete" && resource != "" && !slices.Contains(reads, e.Verb) &&
		!slices.Contains(background, resource) && !slices.Contains(connections, resource)
	return write{Actor: e.User.Username, Verb: e.Verb, Resource: resource, Name: e.ObjectRef.Name,
		Code: e.ResponseStatus.Code, Cause: e.Annotations["slowmo/cause"]}, ok
}

// quiet waits until nothing has been written for a while and returns all
// writes since mark. What happens after the last event cannot be waited on by
// an event; a second is a hundred times what any step takes.
func quiet(t *testing.T, mark int64) []write {
	t.Helper()
	last, since := -1, time.Now()
	var writes []write
	eventually(t, "the cluster comes to rest", func() error {
		if writes = writesSince(t, mark); len(writes) != last {
			last, since = len(writes), time.Now()
		}
		if rest := time.Since(since); rest < time.Second {
			return fmt.Errorf("%d writes, the last %s ago", last, rest)
		}
		return nil
	})
	return writes
}

// upstreamWrites reads how many writes upstream needed, by the same measure.
func upstreamWrites(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile("testdata/hello/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

// fewerWrites fails unless writes are fewer than upstream's and none was refused.
func fewerWrites(t *testing.T, what, file string, writes []write) {
	t.Helper()
	limit := upstreamWrites(t, file)
	t.Logf("%s: %d writes, upstream %d", what, len(writes), limit)
	if len(writes) >= limit {
		t.Errorf("%s took %d writes, upstream takes %d", what, len(writes), limit)
	}
	for i, w := range writes {
		t.Logf("%3d %s", i+1, w)
		if w.Code == 409 {
			t.Errorf("%s: a conflict: %s", what, w)
		}
	}
}
