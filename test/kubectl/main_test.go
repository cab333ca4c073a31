package kubectl

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"slowmo/test/kinds"
	"slowmo/test/live"
)

const namespace = "demo"

// The programs under test: ours, Debian's 1.20, which make unpacks, and what is installed, if anything.
const (
	ours   = "ours"
	debian = "debian"
	system = "system"
)

func versions(t *testing.T) map[string]string {
	t.Helper()
	programs := map[string]string{ours: filepath.Join(live.Bin, "kubectl"), debian: filepath.Join(live.Bin, "kubectl-debian")}
	for _, program := range programs {
		if _, err := os.Stat(program); err != nil {
			t.Fatalf("%v\nrun `make build old-kubectl` first, or `make e2e`, which does", err)
		}
	}
	if program, err := exec.LookPath("kubectl"); err == nil {
		programs[system] = program
	}
	return programs
}

// each runs a test with each kubectl on a server of its own that has an object of each kind.
func each(t *testing.T, test func(t *testing.T, c *cli)) {
	for name, program := range versions(t) {
		t.Run(name, func(t *testing.T) {
			s := live.NewAPIServer(t)
			s.Start(t)
			c := &cli{server: s, name: name, program: program}
			var err error
			if c.kinds, err = kinds.In(namespace); err != nil {
				t.Fatal(err)
			}
			c.file = c.write(t, "all.yaml", func(kinds.Kind) bool { return true })
			c.ok(t, "create", "namespace", namespace)
			test(t, c)
		})
	}
}

// cli is a kubectl and the server that it speaks to.
type cli struct {
	server        *live.APIServer
	name, program string
	kinds         []kinds.Kind
	file          string // with the manifests of all kinds
}

// write writes the manifests of the kinds that keep, which may change them, wants, and returns the file.
func (c *cli) write(t *testing.T, name string, keep func(k kinds.Kind) bool) string {
	t.Helper()
	var documents []string
	for _, k := range c.kinds {
		if !keep(k) {
			continue
		}
		text, err := yaml.Marshal(k.Object.Object)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(text))
	}
	file := filepath.Join(c.server.Dir, name)
	if err := os.WriteFile(file, []byte(strings.Join(documents, "---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// run returns what kubectl printed, apart from errors and warnings, and its exit code.
func (c *cli) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := c.server.Command(c.program, append([]string{"-n", namespace}, args...)...)
	// An editor that does what a person would.
	cmd.Env = append(cmd.Env, "KUBE_EDITOR=sed -i s/step:.*annotated/step:\\ edited/")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// ok is run for what must succeed.
func (c *cli) ok(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := c.run(t, args...)
	if code != 0 {
		t.Errorf("kubectl %s ended with %d:\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// everyKind does a thing to all objects at once and wants a line about each.
func (c *cli) everyKind(t *testing.T, result string, args ...string) {
	t.Helper()
	out, missing := c.ok(t, append(args, "-f", c.file)...), []string(nil)
	for _, k := range c.kinds {
		line := regexp.QuoteMeta(k.Singular) + `(\.` + regexp.QuoteMeta(k.Group) + `)?/` + regexp.QuoteMeta(k.Object.GetName()) + " " + result + "\n"
		if !regexp.MustCompile(line).MatchString(out) {
			missing = append(missing, k.Kind)
		}
	}
	if len(missing) > 0 {
		t.Errorf("kubectl %s: %q are not %s:\n%s", strings.Join(args, " "), missing, result, out)
	}
}
