package proxy

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/knftables"
)

var update = flag.Bool("update", false, "rewrite the dumps in testdata with what the code makes now")

// testSettings are those of all cases: node1 of a cluster whose pods have 10.244.0.0/16.
func testSettings() *settings {
	return &settings{
		family:      ipv4,
		node:        "node1",
		pods:        []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
		externalIPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
	}
}

// forEachCase runs f for every case of testdata: a file NAME.yaml of objects, in steps parted by lines
// "# then ...". A step's objects replace earlier ones of the same name; one with the annotation
// "gone" is removed.
func forEachCase(t *testing.T, f func(t *testing.T, name string, steps []string)) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			steps := strings.Split(string(text), "\n# then ")
			for i := range steps[1:] {
				steps[i+1] = "# then " + steps[i+1]
			}
			f(t, name, steps)
		})
	}
}

// play makes the objects of a step known to a state and applies it.
func play(t *testing.T, s *state, step string) {
	t.Helper()
	for _, doc := range strings.Split(step, "\n---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		obj, _, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(doc), nil, nil)
		if err != nil {
			t.Fatalf("%v in:\n%s", err, doc)
		}
		switch o := obj.(type) {
		case *v1.Service:
			if _, gone := o.Annotations["gone"]; gone {
				s.removeService(o)
			} else {
				s.setService(o)
			}
		case *discoveryv1.EndpointSlice:
			if _, gone := o.Annotations["gone"]; gone {
				s.removeSlice(o)
			} else {
				s.setSlice(o)
			}
		case *networkingv1.ServiceCIDR:
			if _, gone := o.Annotations["gone"]; gone {
				s.removeRange(o)
			} else {
				s.setRange(o)
			}
		case *v1.Pod:
			s.setPod(o)
		default:
			t.Fatalf("no use for a %T", obj)
		}
	}
	s.update()
	for _, table := range s.tables {
		if err := table.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDumps compares the whole table after each case's first step, and the transaction of each later one.
func TestDumps(t *testing.T) {
	forEachCase(t, func(t *testing.T, name string, steps []string) {
		fake := knftables.NewFake(knftables.IPv4Family, TableName)
		s := newState([]*table{newTable(testSettings(), fake)})
		var got strings.Builder
		for i, step := range steps {
			play(t, s, step)
			if i == 0 {
				got.WriteString(ownPart(fake.Dump()))
				continue
			}
			title, _, _ := strings.Cut(step, "\n")
			fmt.Fprintf(&got, "\n%s\n%s", title, fake.LastTransaction)
		}
		compare(t, filepath.Join("testdata", name+".txt"), got.String())

		// All at once must give what step by step gave.
		whole := knftables.NewFake(knftables.IPv4Family, TableName)
		other := newTable(testSettings(), whole)
		other.owners = s.tables[0].owners
		if err := other.apply(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got, want := fake.Dump(), whole.Dump(); got != want {
			t.Errorf("changes led to\n%s\nand a fresh start to\n%s", got, want)
		}
	})
}

// TestBaseDump holds what every table has.
func TestBaseDump(t *testing.T) {
	fake := knftables.NewFake(knftables.IPv4Family, TableName)
	if err := newTable(testSettings(), fake).apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare(t, "testdata/base.txt", fake.Dump())
}

// ownPart leaves out of a dump what TestBaseDump compares.
func ownPart(dump string) string {
	base := map[string]bool{}
	fake := knftables.NewFake(knftables.IPv4Family, TableName)
	if err := newTable(testSettings(), fake).apply(context.Background()); err != nil {
		panic(err)
	}
	for line := range strings.Lines(fake.Dump()) {
		base[line] = true
	}
	var out strings.Builder
	for line := range strings.Lines(dump) {
		if !base[line] {
			out.WriteString(line)
		}
	}
	return out.String()
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}
