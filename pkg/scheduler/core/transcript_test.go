package core

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata with what the code answers now")

// TestTranscripts runs each scenario of testdata and compares what it prints. A scenario is
// blocks of commands, each closed by ---- and the expected output:
//
//	node NAME cpu=4 memory=8Gi pods=10 label=K=V taint=K=V:EFFECT image=NAME:BYTES cordoned
//	namespace NAME K=V
//	pod NAME on NODE [attributes]        place a pod that runs
//	gone NAME                            remove it
//	schedule NAME [attributes]           decide, and place it where that says
//	ask NAME [attributes]                decide only
//	nominate NAME NODE [attributes]      let it wait for a node
//	budget ALLOWED K=V                   a disruption budget
//	preempt NAME [attributes]            say how room could be made
//	node-gone NAME
//
// Attributes of a pod: cpu=, memory=, label=K=V, namespace=, owner=, priority=, port=, image=,
// terminating, and at the end of the line spec={...}, a piece of PodSpec in YAML.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("%s differs; got:\n%s", file, got)
			}
		})
	}
}

// play runs a scenario and returns it with the output as it is now.
func play(t *testing.T, script string) string {
	t.Helper()
	p := &player{t: t, snapshot: NewSnapshot()}
	var out strings.Builder
	expected := false
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			out.WriteString("----\n" + p.out.String())
			p.out.Reset()
			expected = true
		case expected && line != "":
		case line == "" || strings.HasPrefix(line, "#"):
			expected = false
			out.WriteString(line + "\n")
		default:
			out.WriteString(line + "\n")
			p.run(line)
		}
	}
	return out.String()
}

type player struct {
	t        *testing.T
	snapshot *Snapshot
	budgets  []Budget
	out      strings.Builder
}

func (p *player) run(line string) {
	words := strings.Fields(line)
	switch words[0] {
	case "node":
		p.snapshot.SetNode(p.node(words[1], words[2:]))
	case "node-gone":
		p.snapshot.RemoveNode(words[1])
	case "namespace":
		set := labels.Set{}
		for _, word := range words[2:] {
			key, value, _ := strings.Cut(word, "=")
			set[key] = value
		}
		p.snapshot.SetNamespace(words[1], set)
	case "pod":
		pod := p.pod(words[1], line)
		pod.Spec.NodeName = words[3]
		p.place(pod)
	case "gone":
		p.snapshot.RemovePod(types.UID(words[1]))
	case "nominate":
		p.snapshot.SetNominated(p.parse(p.pod(words[1], line)), words[2])
	case "budget":
		p.budget(words)
	case "preempt":
		p.preempt(p.parse(p.pod(words[1], line)))
	case "schedule", "ask":
		p.decide(p.pod(words[1], line), words[0] == "schedule")
	default:
		p.t.Fatalf("no such command: %q", line)
	}
}

func (p *player) decide(pod *v1.Pod, place bool) {
	d := p.snapshot.Decide(p.parse(pod))
	if d.Node == "" {
		fmt.Fprintf(&p.out, "%s: %s %v\n", pod.Name, d, d.Plugins)
		return
	}
	fmt.Fprintf(&p.out, "%s -> %s (%d of %d)\n", pod.Name, d, d.Feasible, d.Nodes)
	if place {
		pod = pod.DeepCopy()
		pod.Spec.NodeName = d.Node
		p.place(pod)
	}
}

func (p *player) preempt(pod *Pod) {
	if d := p.snapshot.Decide(pod); d.Node != "" {
		p.t.Fatalf("%s need not preempt", pod.Name)
	}
	how := p.snapshot.Preempt(pod, p.budgets)
	if how.Node == "" {
		fmt.Fprintf(&p.out, "%s: %s\n", pod.Name, how.Why)
		return
	}
	fmt.Fprintf(&p.out, "%s preempts on %s:", pod.Name, how.Node)
	for _, victim := range how.Victims {
		fmt.Fprintf(&p.out, " %s", victim.Name)
	}
	fmt.Fprintln(&p.out)
}

func (p *player) budget(words []string) {
	allowed, err := strconv.Atoi(words[1])
	p.must(err)
	pdb := &policyv1.PodDisruptionBudget{}
	pdb.Namespace, pdb.Status.DisruptionsAllowed = "default", int32(allowed)
	key, value, _ := strings.Cut(words[2], "=")
	pdb.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	b, _ := NewBudget(pdb)
	p.budgets = append(p.budgets, b)
}

func (p *player) parse(pod *v1.Pod) *Pod {
	parsed, err := Parse(pod)
	p.must(err)
	return parsed
}

func (p *player) place(pod *v1.Pod) {
	_, err := p.snapshot.SetPod(pod)
	p.must(err)
}

func (p *player) node(name string, words []string) *v1.Node {
	n := &v1.Node{}
	n.Name = name
	n.Labels = map[string]string{v1.LabelHostname: name}
	n.Status.Allocatable = v1.ResourceList{
		v1.ResourcePods: resource.MustParse("110"), v1.ResourceCPU: resource.MustParse("4"), v1.ResourceMemory: resource.MustParse("8Gi")}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "label":
			k, v, _ := strings.Cut(value, "=")
			n.Labels[k] = v
		case "zone":
			n.Labels[v1.LabelTopologyZone] = value
		case "taint":
			rest, effect, _ := strings.Cut(value, ":")
			k, v, _ := strings.Cut(rest, "=")
			n.Spec.Taints = append(n.Spec.Taints, v1.Taint{Key: k, Value: v, Effect: v1.TaintEffect(effect)})
		case "image":
			image, size, _ := strings.Cut(value, "@")
			quantity := resource.MustParse(size)
			n.Status.Images = append(n.Status.Images, v1.ContainerImage{Names: []string{image}, SizeBytes: quantity.Value()})
		case "cordoned":
			n.Spec.Unschedulable = true
		default:
			n.Status.Allocatable[v1.ResourceName(key)] = resource.MustParse(value)
		}
	}
	return n
}

func (p *player) pod(name, line string) *v1.Pod {
	pod := &v1.Pod{}
	pod.Name, pod.Namespace, pod.UID = name, "default", types.UID(name)
	pod.Labels = map[string]string{}
	pod.Spec.Containers = []v1.Container{{Name: "c", Image: "app"}}
	c := &pod.Spec.Containers[0]
	c.Resources.Requests = v1.ResourceList{}
	line, spec, found := strings.Cut(line, " spec=")
	if found {
		p.must(yaml.UnmarshalStrict([]byte(spec), &pod.Spec))
	}
	for _, word := range strings.Fields(line)[2:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "label":
			k, v, _ := strings.Cut(value, "=")
			pod.Labels[k] = v
		case "namespace":
			pod.Namespace = value
		case "owner":
			yes := true
			pod.OwnerReferences = []metav1.OwnerReference{{UID: types.UID(value), Controller: &yes}}
		case "priority":
			var n int32
			_, err := fmt.Sscan(value, &n)
			p.must(err)
			pod.Spec.Priority = &n
		case "port":
			var n int32
			_, err := fmt.Sscan(value, &n)
			p.must(err)
			c.Ports = append(c.Ports, v1.ContainerPort{HostPort: n, ContainerPort: n, Protocol: v1.ProtocolTCP})
		case "image":
			c.Image = value
		case "terminating":
			pod.DeletionTimestamp = &metav1.Time{}
		default:
			if value != "" {
				c.Resources.Requests[v1.ResourceName(key)] = resource.MustParse(value)
			}
		}
	}
	return pod
}

func (p *player) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
