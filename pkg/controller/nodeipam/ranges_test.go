package nodeipam

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control/controltest"
)

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		cidr string
		mask int
		want []string // in the order in which they are given out, then full if last is ""
	}{
		{"10.244.0.0/16", 24, []string{"10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"}},
		{"10.244.7.9/22", 23, []string{"10.244.4.0/23", "10.244.6.0/23", ""}},
		{"10.0.0.0/24", 26, []string{"10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26", "10.0.0.192/26", ""}},
		{"10.0.0.0/24", 24, []string{"10.0.0.0/24", ""}},
		{"fd00:10:244::/56", 24, []string{"fd00:10:244::/64", "fd00:10:244:1::/64"}},
	} {
		r, err := newRanges(c.cidr, c.mask)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			got, err := r.next()
			if want == "" {
				if !errors.Is(err, errFull) {
					t.Errorf("%s: %v, want it full", c.cidr, got)
				}
				continue
			}
			if err != nil || got.String() != want {
				t.Errorf("%s: got %v, %v, want %s", c.cidr, got, err, want)
			}
		}
	}
}

func TestRangesAreGivenOutAgain(t *testing.T) {
	r, err := newRanges("10.244.0.0/16", 24)
	if err != nil {
		t.Fatal(err)
	}
	second := netip.MustParsePrefix("10.244.1.0/24")
	if !r.take(second) || r.take(second) {
		t.Error("a range was taken twice, or not at all")
	}
	for _, want := range []string{"10.244.0.0/24", "10.244.2.0/24"} {
		if got, _ := r.next(); got.String() != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	r.release(second)
	if got, _ := r.next(); got != second {
		t.Errorf("got %s, want the released %s", got, second)
	}
}

func TestValidateSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		cidr string
		mask int
	}{{"10.0.0.0", 24}, {"10.0.0.0/25", 24}, {"10.0.0.0/16", 33}, {"fd00::/65", 24}} {
		if err := Validate([]string{c.cidr}, c.mask); err == nil || !strings.Contains(err.Error(), "--cluster-cidr") {
			t.Errorf("%s: %v", c.cidr, err)
		}
	}
}

func TestANodeGetsARangeOfEachFamilyOnce(t *testing.T) {
	has := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "has"}, Spec: v1.NodeSpec{PodCIDRs: []string{"10.244.0.0/24"}}}
	fresh := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "fresh", UID: "u"}}
	w := controltest.New(has, fresh)
	made, err := New(w.Env, []string{"10.244.0.0/16", "fd00::/56"}, 24)
	if err != nil {
		t.Fatal(err)
	}
	c := made.(*controller)
	controltest.Cache(t, w.Informers.Core().V1().Nodes().Informer(), has, fresh)
	for _, name := range []string{"has", "fresh", "gone"} {
		if err := c.sync(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	want := `patch nodes /fresh {"metadata":{"uid":"u"},"spec":{"podCIDR":"10.244.1.0/24","podCIDRs":["10.244.1.0/24","fd00::/64"]}}`
	if got := w.Writes(); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}
