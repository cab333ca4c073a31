package compare

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slowmo/test/live"
)

var ours = flag.String("apiserver", filepath.Join(live.Bin, "apiserver"), "the server that is compared with upstream's")

// administrator is the token of a member of system:masters. bob, whose token is his
// name, may do what everybody may.
const administrator = "administrator"

// advertised is the address at which both say that they are reached.
const advertised = "192.0.2.2"

// TestCompare runs the files one after another against the same two servers.
func TestCompare(t *testing.T) {
	all, err := topics()
	if err != nil {
		t.Fatal(err)
	}
	both := start(t)
	for _, topic := range slices.Sorted(maps.Keys(all)) {
		t.Run(topic, func(t *testing.T) {
			both.each(t, func(s *server) error { s.begin(); return nil })
			for i, step := range all[topic] {
				both.check(t, i+1, step)
			}
			both.each(t, func(s *server) error { return s.end(t.Context()) })
		})
	}
}

// pair is the two servers.
type pair struct{ theirs, ours *server }

// start brings both up with the same flags on empty stores.
func start(t *testing.T) pair {
	t.Helper()
	dir, theirPort, ourPort := t.TempDir(), live.FreePort(t), live.FreePort(t)
	tokens := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(administrator+",admin,1,system:masters\nbob,bob,2,devs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := func(who string, port int) []string {
		return []string{"--secure-port", fmt.Sprint(port), "--cert-dir", filepath.Join(dir, who), "--token-auth-file", tokens,
			"--service-cluster-ip-range", "10.96.0.0/16", "--disable-admission-plugins", "ServiceAccount", "--advertise-address", advertised}
	}
	upstream := filepath.Join(live.Bin, "upstream")
	live.StartUpstream(t, filepath.Join(upstream, "etcd"), filepath.Join(upstream, "kube-apiserver"),
		filepath.Join(dir, "etcd"), dir, flags("theirs", theirPort)...)
	live.Launch(t, *ours, append(flags("ours", ourPort),
		"--data-dir", filepath.Join(dir, "data"), "--service-account-issuer", "https://kubernetes.default.svc")...)
	both := pair{theirs: newServer(theirPort), ours: newServer(ourPort)}
	both.each(t, func(s *server) error { s.begin(); return s.await(t) })
	return both
}

// await returns when a server has made all that it makes when it starts.
func (s *server) await(t *testing.T) error {
	deadline := time.Now().Add(time.Minute)
	var missing string
	for tick := time.NewTicker(50 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		missing = ""
		for _, path := range []string{"/readyz", "/api/v1/namespaces/default/services/kubernetes", "/api/v1/namespaces/kube-node-lease"} {
			if a, err := s.do(t.Context(), step{Do: "GET " + path}); err != nil || a.code != http.StatusOK {
				missing = path
				break
			}
		}
		if missing == "" {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready: it has no %s", s.url, missing)
}

// each does something with both servers at once.
func (p pair) each(t *testing.T, do func(*server) error) {
	t.Helper()
	var group sync.WaitGroup
	var mistakes [2]error
	for i, s := range []*server{p.theirs, p.ours} {
		group.Go(func() { mistakes[i] = do(s) })
	}
	group.Wait()
	for i, err := range mistakes {
		if err != nil {
			t.Fatalf("%s: %v", []string{"upstream", "ours"}[i], err)
		}
	}
}

// check sends a step to both and compares what they say.
func (p pair) check(t *testing.T, number int, step step) {
	t.Helper()
	if err := p.theirs.settle(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	said := map[*server]map[string]any{}
	var mu sync.Mutex
	p.each(t, func(s *server) error {
		a, err := s.do(t.Context(), step)
		mu.Lock()
		defer mu.Unlock()
		if said[s] = map[string]any{"error": fmt.Sprint(err)}; err == nil {
			said[s] = s.masked(a)
		}
		return nil
	})
	found, unused := step.except(differences("", said[p.theirs], said[p.ours]))
	for _, path := range unused {
		t.Errorf("%d: %s\n    has the same %s now: it no longer differs", number, step, path)
	}
	switch {
	case said[p.theirs]["error"] != nil:
		t.Errorf("%d: %s\n    upstream does not answer: %s", number, step, said[p.theirs]["error"])
	case len(found) == 0 && step.Differs != "":
		t.Errorf("%d: %s\n    is answered the same now: it no longer differs", number, step)
	case len(found) > 0 && step.Differs == "":
		t.Errorf("%d: %s\n    %s", number, step, strings.Join(found[:min(len(found), 12)], "\n    "))
	}
}
