package bootstrap

import (
	"net/netip"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	networkingapi "slowmo/pkg/api/networking"
)

func TestServiceCIDR(t *testing.T) {
	c := config(t)
	first, second, other := netip.MustParsePrefix("10.96.0.0/16"), netip.MustParsePrefix("fd00::/112"), netip.MustParsePrefix("10.1.0.0/16")
	for _, step := range []struct {
		ranges []netip.Prefix
		want   []string
	}{
		{[]netip.Prefix{first}, []string{"10.96.0.0/16"}},
		{[]netip.Prefix{other}, []string{"10.96.0.0/16"}},
		{[]netip.Prefix{first, second}, []string{"10.96.0.0/16", "fd00::/112"}},
		{[]netip.Prefix{first}, []string{"10.96.0.0/16", "fd00::/112"}},
	} {
		c.ServiceRanges = step.ranges
		for range 2 {
			if err := ensureAll(t.Context(), []wish{c.serviceCIDR()}); err != nil {
				t.Fatal(err)
			}
		}
		got := get[*networkingv1.ServiceCIDR](t, c.Store, networkingapi.ServiceCIDR, "", "kubernetes")
		if !slices.Equal(got.Spec.CIDRs, step.want) || len(got.Status.Conditions) != 1 || got.Status.Conditions[0].Status != "True" {
			t.Errorf("started with %v: %v, %v", step.ranges, got.Spec.CIDRs, got.Status.Conditions)
		}
	}
}
