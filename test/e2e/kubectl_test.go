package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long anything may take on a slow, busy machine. Speed is
// measured by benchmarks; here only the outcome counts.
const patience = 2 * time.Minute

// kubectls are the binaries that tests run: ours and, where there is one, the system's.
func kubectls() map[string]string {
	all := map[string]string{"ours": filepath.Join(bin, "kubectl")}
	for _, path := range []string{"/usr/bin/kubectl", "/usr/local/bin/kubectl"} {
		if _, err := os.Stat(path); err == nil {
			all["system"] = path
		}
	}
	return all
}

// kubectl runs ours and returns what it printed; a failure ends the test.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return kubectlAs(t, filepath.Join(bin, "kubectl"), args...)
}

func kubectlAs(t *testing.T, binary string, args ...string) string {
	t.Helper()
	out, stderr, err := try(t, binary, "", args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr)
	}
	return out
}

// try runs kubectl with stdin and returns both outputs.
func try(t *testing.T, binary, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig(), "HOME="+shared.Root)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// apply gives kubectl a manifest.
func apply(t *testing.T, manifest string) {
	t.Helper()
	if out, stderr, err := try(t, filepath.Join(bin, "kubectl"), manifest, "apply", "-f", "-"); err != nil {
		t.Fatalf("apply: %v\n%s%s", err, out, stderr)
	}
}

// get reads an object or a list into a map.
func get(t *testing.T, args ...string) map[string]any {
	t.Helper()
	var object map[string]any
	text := kubectl(t, append(append([]string{"get"}, args...), "-o", "json")...)
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// jsonpath reads one value.
func jsonpath(t *testing.T, path string, args ...string) string {
	t.Helper()
	return kubectl(t, append(append([]string{"get"}, args...), "-o", "jsonpath="+path)...)
}

// eventually tries until check has no error. It looks often because what it
// waits for is in another process and has no event to wait on.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// rolledOut waits for a deployment.
func rolledOut(t *testing.T, name string) {
	t.Helper()
	kubectl(t, "rollout", "status", "deployment/"+name, "--timeout="+patience.String())
}

// podsGone waits until no pod has the label.
func podsGone(t *testing.T, selector string) {
	t.Helper()
	eventually(t, "pods with "+selector+" are gone", func() error {
		if names := jsonpath(t, "{.items[*].metadata.name}", "pods", "-l", selector); names != "" {
			return errors.New("still there: " + names)
		}
		return nil
	})
}

// curl fetches a URL until it answers, and returns the body.
func curl(t *testing.T, url string) string {
	t.Helper()
	var body string
	eventually(t, "curl "+url, func() error {
		out, err := exec.Command("curl", "-sS", "--max-time", "5", url).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		body = string(out)
		return nil
	})
	return body
}
