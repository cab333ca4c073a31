package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReferenceWalk makes the recorded walk and compares with what upstream's
// components left: objects, events, what kubectl prints, and how many writes it took.
func TestReferenceWalk(t *testing.T) {
	quiet(t, auditMark(t)) // the node has said all that it had to say when it started
	mark := auditMark(t)
	kubectl(t, "apply", "-f", "testdata/hello/deployment.yaml")
	rolledOut(t, "hello-node")
	t.Run("apply", func(t *testing.T) {
		writes := quiet(t, mark)
		fewerWrites(t, "apply", "apply-writes.jsonl", writes)
		everyWriteHasItsCause(t, writes)
	})
	t.Run("objects", func(t *testing.T) {
		for _, kind := range []string{"deployment", "replicaset", "pod"} {
			sameObjects(t, kind, get(t, kind))
		}
	})
	t.Run("events", func(t *testing.T) { sameEvents(t, get(t, "events")) })
	kubectl(t, "expose", "deployment", "hello-node", "--type=LoadBalancer", "--port=8080")
	quiet(t, mark)
	t.Run("service", func(t *testing.T) {
		for _, kind := range []string{"service", "endpoints", "endpointslices"} {
			sameObjects(t, kind, get(t, kind))
		}
	})
	t.Run("output", sameOutput)

	mark = auditMark(t)
	kubectl(t, "scale", "deployment", "hello-node", "--replicas=3")
	rolledOut(t, "hello-node")
	t.Run("scale", func(t *testing.T) { fewerWrites(t, "scale", "scale-writes.jsonl", quiet(t, mark)) })

	mark = auditMark(t)
	kubectl(t, "set", "image", "deployment/hello-node", "hello-node=registry.k8s.io/echoserver:1.4")
	rolledOut(t, "hello-node")
	t.Run("update", func(t *testing.T) { fewerWrites(t, "rolling update", "update-writes.jsonl", quiet(t, mark)) })

	mark = auditMark(t)
	kubectl(t, "delete", "service,deployment", "hello-node")
	podsGone(t, "app=hello-node")
	t.Run("delete", func(t *testing.T) { fewerWrites(t, "delete", "delete-writes.jsonl", quiet(t, mark)) })
}

// everyWriteHasItsCause: each of our components' writes says what woke it. A
// person's own have none, and a token is asked for by the kubelet for a pod.
func everyWriteHasItsCause(t *testing.T, writes []write) {
	t.Helper()
	for _, w := range writes {
		if strings.HasPrefix(w.Actor, "system:") && w.Cause == "" {
			t.Errorf("nothing says what caused %s", w)
		}
	}
}

var hostname, _ = os.Hostname()

// masks hide what differs from run to run in any string.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<time>"},
	{regexp.MustCompile(`[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000`), "<time>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uid>"},
	{regexp.MustCompile(`containerd://[0-9a-f]{64}`), "containerd://<id>"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:<digest>"},
	{regexp.MustCompile(`\.[0-9a-f]{16}\b`), ".<event>"},
	{regexp.MustCompile(`(hello-node-[0-9a-f]{8,10})-[a-z0-9]{5}\b`), "$1-<pod>"},
	{regexp.MustCompile(`\bhello-node-[a-z0-9]{5}\b`), "hello-node-<slice>"},
	{regexp.MustCompile(`kube-api-access-[a-z0-9]{5}`), "kube-api-access-<random>"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`), "<ip>"},
	{regexp.MustCompile(`\bto (node1|` + regexp.QuoteMeta(hostname) + `)$`), "to <node>"},
	{regexp.MustCompile(`<(pod|node)-ip>|<pending>`), "<ip>"},
	{regexp.MustCompile(`\b3[0-2]\d{3}\b`), "<nodeport>"},
}

func masked(text string) string {
	for _, mask := range masks {
		text = mask.pattern.ReplaceAllString(text, mask.with)
	}
	return text
}

// maskObject masks strings, fields that are ids, and the node's name.
func maskObject(value any, key string) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, field := range v {
			if name != "managedFields" {
				out[name] = maskObject(field, name)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = maskObject(v[i], key)
		}
		return out
	case float64:
		if key == "nodePort" || key == "port" && v != 8080 && v != 443 || key == "targetPort" && v != 8080 {
			return "<port>"
		}
	case string:
		switch key {
		case "resourceVersion", "uid":
			return "<" + key + ">"
		case "nodeName", "host", "reportingInstance":
			if v != "" {
				return "<node>"
			}
		}
		return masked(v)
	}
	return value
}

func reference(t *testing.T, file string) map[string]any {
	t.Helper()
	text, err := os.ReadFile("testdata/hello/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func sameObjects(t *testing.T, kind string, got map[string]any) {
	t.Helper()
	files := map[string]string{"endpointslices": "endpointslices.json"}
	file := files[kind]
	if file == "" {
		file = kind + ".json"
	}
	want, have := maskObject(reference(t, file), "").(map[string]any), maskObject(got, "").(map[string]any)
	for _, object := range []map[string]any{want, have} {
		for _, item := range object["items"].([]any) {
			forgetLoadBalancer(item.(map[string]any))
		}
	}
	for _, difference := range differences(want, have, kind) {
		t.Error(difference)
	}
}

// forgetLoadBalancer: upstream was recorded without a load balancer; ours gives
// the nodes' addresses, as TestWalk checks.
func forgetLoadBalancer(object map[string]any) {
	if object["kind"] == "Service" {
		delete(object, "status")
	}
}

// differences lists the paths at which two JSON values differ.
func differences(want, got any, at string) []string {
	w, isMap := want.(map[string]any)
	g, bothMaps := got.(map[string]any)
	if isMap && bothMaps {
		var out []string
		keys := maps.Clone(w)
		maps.Copy(keys, g)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			out = append(out, differences(w[key], g[key], at+"."+key)...)
		}
		return out
	}
	wl, isList := want.([]any)
	gl, bothLists := got.([]any)
	if isList && bothLists && len(wl) == len(gl) {
		var out []string
		for i := range wl {
			out = append(out, differences(wl[i], gl[i], fmt.Sprintf("%s[%d]", at, i))...)
		}
		return out
	}
	if a, b := compact(want), compact(got); a != b {
		return []string{fmt.Sprintf("%s: upstream has %s, ours %s", at, a, b)}
	}
	return nil
}

func compact(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)
	return strings.TrimSpace(out.String())
}

// hostEvents depend on the machine, not on us: which cgroup version it has, what its disks say, and the
// proxy and node events of before the walk.
var hostEvents = []string{"CgroupV1", "InvalidDiskCapacity"}

func sameEvents(t *testing.T, got map[string]any) {
	t.Helper()
	index := func(list map[string]any) map[string]any {
		out := map[string]any{}
		for _, item := range list["items"].([]any) {
			event := maskObject(item, "").(map[string]any)
			about := event["involvedObject"].(map[string]any)
			if about["kind"] != "Node" {
				out[fmt.Sprint(about["kind"], " ", event["reason"])] = event
			} else if reason := event["reason"].(string); !slices.Contains(hostEvents, reason) {
				// How often a node said so while it started depends on its speed.
				out["Node "+reason] = event["type"]
			}
		}
		return out
	}
	for _, difference := range differences(index(reference(t, "events.json")), index(got), "event") {
		t.Error(difference)
	}
}

// sameOutput compares what kubectl prints, but for ages, padding and what the
// machine is. Kinds that we do not serve yet are missing from api-resources.
func sameOutput(t *testing.T) {
	text, err := os.ReadFile("testdata/hello/kubectl-output.txt")
	if err != nil {
		t.Fatal(err)
	}
	for section := range strings.SplitSeq(strings.TrimPrefix(string(text), "$ kubectl "), "\n$ kubectl ") {
		command, want, _ := strings.Cut(section, "\n")
		t.Run(command, func(t *testing.T) {
			got := kubectl(t, strings.Fields(command)...)
			wanted, have := outputLines(want), outputLines(got)
			switch command {
			case "get events":
				return // TestReferenceWalk/events compares them whole
			case "api-resources", "api-versions":
				for _, line := range have {
					if !slices.Contains(wanted, line) {
						t.Errorf("upstream does not print %q", line)
					}
				}
				return
			}
			if strings.Join(wanted, "\n") != strings.Join(have, "\n") {
				t.Errorf("upstream prints\n%s\nours\n%s", strings.Join(wanted, "\n"), strings.Join(have, "\n"))
			}
		})
	}
}

var (
	padding = regexp.MustCompile(`\s{2,}`)
	age     = regexp.MustCompile(`(^| )\d+(s|m|m\d+s|h)( |$)`)
	machine = regexp.MustCompile(`Debian GNU/Linux.*`)
	// serverPort: the recorded server had another one than 6443.
	serverPort = regexp.MustCompile(`IPv4 1?6443`)
	node       = regexp.MustCompile(`\bnode1\b`)
)

func outputLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = padding.ReplaceAllString(strings.TrimSpace(line), " ")
		line = age.ReplaceAllString(line, "$1<age>$3")
		line = machine.ReplaceAllString(line, "<machine>")
		line = node.ReplaceAllString(line, "<node>")
		line = regexp.MustCompile(`\b`+regexp.QuoteMeta(hostname)+`\b`).ReplaceAllString(line, "<node>")
		line = masked(serverPort.ReplaceAllString(line, "IPv4 <port>"))
		if line != "" && !strings.HasPrefix(line, "LoadBalancer Ingress:") { // see forgetLoadBalancer
			lines = append(lines, line)
		}
	}
	return lines
}
