package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// TestReadme runs the commands of the README's walk in a namespace of their
// own, and compares what they print with what the README says.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, "create", "namespace", "readme")
	t.Cleanup(func() { kubectl(t, "delete", "namespace", "readme") })
	environment := readmeEnvironment(t)
	steps := console(string(text))
	if len(steps) < 10 {
		t.Fatalf("found %d commands in the README", len(steps))
	}
	for _, step := range steps {
		step.run(t, environment)
	}
}

// late is how long after what they tell of events may be seen.
const late = 5 * time.Second

// run runs the command; one that gets objects again, until it prints what it has to
// or is late: nobody types as fast as the test.
func (s step) run(t *testing.T, environment []string) {
	t.Helper()
	want, again := steady(s.output), strings.HasPrefix(s.command, "kubectl get ")
	for began := time.Now(); ; {
		cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", s.command)
		cmd.Dir, cmd.Env = "../..", environment
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", s.command, err, out)
		}
		got := steady(string(out))
		if slices.Equal(got, want) {
			return
		}
		if !again || time.Since(began) > late {
			t.Errorf("%s prints\n%s\nand the README says\n%s", s.command, strings.Join(got, "\n"), strings.Join(want, "\n"))
			return
		}
	}
}

// readmeEnvironment has bin/kubectl first and the namespace as its default.
func readmeEnvironment(t *testing.T) []string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(shared.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	config.Contexts[config.CurrentContext].Namespace = "readme"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "KUBECONFIG="+path, "HOME="+t.TempDir(), "PATH="+bin+":"+os.Getenv("PATH"))
}

// step is a command and what it prints.
type step struct{ command, output string }

// console returns the steps of a Markdown text's console blocks.
func console(text string) []step {
	var steps []step
	for _, block := range strings.Split(text, "```console\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.Lines(block) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				steps = append(steps, step{command: strings.TrimSpace(command)})
			} else {
				steps[len(steps)-1].output += line
			}
		}
	}
	return steps
}

// differs is what is another on every cluster, and what stands for it.
var differs = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`(hello-node-[0-9a-f]+)-[a-z0-9]{5}\b`), "$1-POD"},
	{regexp.MustCompile(`\b\d+[smh](\d+[smh])?( |$)`), "AGE "},
	{regexp.MustCompile(`\b10\.\d+\.\d+\.\d+\b`), "ADDRESS"},
	{regexp.MustCompile(`\[\d+/\w+/.*\]`), "[DATE]"},
	{regexp.MustCompile(`\b200 \d+ `), "200 SIZE "},
	{regexp.MustCompile(`curl/[0-9.]+`), "curl/VERSION"},
	{regexp.MustCompile(`(POD to) \S+`), "$1 NODE"},
	{regexp.MustCompile(`\breadme([ /])`), "default$1"},
	{regexp.MustCompile(` +`), " "},
}

// steady returns the lines of an output without what differs, in an order that
// does not depend on it.
func steady(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		for _, d := range differs {
			line = d.pattern.ReplaceAllString(line, d.mask)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	slices.Sort(lines)
	return lines
}
