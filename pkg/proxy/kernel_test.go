package proxy

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"sigs.k8s.io/knftables"
)

// TestKernelTakesEveryCase plays the cases of testdata on the real kernel, in a network namespace of
// their own, and compares the names of what is there with what the fake has.
func TestKernelTakesEveryCase(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, steps []string) {
		w := newEmptyWorld(t)
		w.in("node", func() {
			nft, err := knftables.New(knftables.IPv4Family, TableName)
			if err != nil {
				t.Fatal(err)
			}
			fake := knftables.NewFake(knftables.IPv4Family, TableName)
			real, dry := newState([]*table{newTable(testSettings(), nft)}), newState([]*table{newTable(testSettings(), fake)})
			for _, step := range steps {
				play(t, real, step)
				play(t, dry, step)
				for _, kind := range []string{"chain", "set", "map"} {
					got, err := nft.List(t.Context(), kind)
					if err != nil {
						t.Fatal(err)
					}
					want, err := fake.List(t.Context(), kind)
					if err != nil {
						t.Fatal(err)
					}
					slices.Sort(got)
					slices.Sort(want)
					if !slices.Equal(got, want) {
						t.Errorf("%ss: got %v, want %v", kind, got, want)
					}
				}
			}
		})
	})
}

// TestKernelTakesIPv6 writes the base and one Service of each shape in the ip6 table.
func TestKernelTakesIPv6(t *testing.T) {
	w := newEmptyWorld(t)
	w.in("node", func() {
		nft, err := knftables.New(knftables.IPv6Family, TableName)
		if err != nil {
			t.Fatal(err)
		}
		s := testSettings()
		s.family, s.pods = ipv6, []netip.Prefix{netip.MustParsePrefix("fd00:244::/56")}
		table := newTable(s, nft)
		p := servicePort{name: "default/web/tcp/80", protocol: "tcp", port: 80, nodePort: 30080, clusterIP: "fd00:96::1",
			external: []string{"2001:db8::1"}, balancers: []string{"2001:db8::1"}, sources: []string{"2001:db8::/64"},
			endpoints: []endpoint{{"fd00:244::5", 8080}, {"fd00:244::6", 8080}}, local: []endpoint{{"fd00:244::5", 8080}}}
		table.set(p.name, s.portFragment(&p))
		if err := table.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.affinity, p.externalLocal = 600, true
		table.set(p.name, s.portFragment(&p))
		if err := table.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestIntactAndCleanup removes the table behind the proxy's back, and then by Cleanup.
func TestIntactAndCleanup(t *testing.T) {
	w := newEmptyWorld(t)
	w.in("node", func() {
		nft, err := knftables.New(knftables.IPv4Family, TableName)
		if err != nil {
			t.Fatal(err)
		}
		table := newTable(testSettings(), nft)
		if err := table.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !table.intact(t.Context()) {
			t.Error("the table was just written")
		}
		if err := remove(t.Context(), nft); err != nil {
			t.Fatal(err)
		}
		if table.intact(t.Context()) {
			t.Error("the table was just removed")
		}
		table.doubt()
		if err := table.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second finds nothing, and that is well
			if err := Cleanup(t.Context()); err != nil {
				t.Fatal(err)
			}
			if all, err := nft.ListAll(t.Context()); err != nil && !knftables.IsNotFound(err) || len(slices.Collect(maps.Keys(all))) > 0 {
				t.Errorf("left over: %v %v", all, err)
			}
		}
	})
}
