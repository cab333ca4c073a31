package resources

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestNames(t *testing.T) {
	const (
		standard  = "must be a standard resource type or fully qualified"
		container = "must be a standard resource for containers"
		quota     = "must be a standard resource for quota"
		extended  = "doesn't follow extended resource name standard"
	)
	for name, want := range map[corev1.ResourceName][3][]string{ // of any resource, of a container's, of a quota's
		"cpu":                      {},
		"hugepages-2Mi":            {},
		"example.com/gpu":          {},
		"kubernetes.io/x":          {},
		"pods":                     {nil, {container}, nil},
		"requests.cpu":             {nil, {container}, nil},
		"requests.hugepages-1Gi":   {nil, {container}, nil},
		"storage":                  {nil, {container}, {quota}},
		"requests.foo":             {{standard}, {standard, container}, {standard, quota}},
		"requests.example.com/x":   {nil, {extended}, nil},
		"count/deployments.apps":   {},
		"services.loadbalancers":   {nil, {container}, nil},
		"limits.ephemeral-storage": {nil, {container}, nil},
	} {
		for i, check := range []func(corev1.ResourceName, *field.Path) field.ErrorList{ValidateName, ValidateContainerName, ValidateQuotaName} {
			var got []string
			for _, err := range check(name, field.NewPath("x")) {
				got = append(got, err.Detail)
			}
			if !slices.Equal(got, want[i]) {
				t.Errorf("%s, check %d: got %q, want %q", name, i, got, want[i])
			}
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, c := range []struct {
		name         corev1.ResourceName
		amount, want string
	}{
		{"cpu", "500m", ""},
		{"cpu", "-1", `x: Invalid value: "-1": must be greater than or equal to 0`},
		{"pods", "500m", `x: Invalid value: "500m": must be an integer`},
		{"example.com/gpu", "500m", `x: Invalid value: "500m": must be an integer`},
		{"hugepages-2Mi", "4Mi", ""},
		{"hugepages-2Mi", "3Mi", `x: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`},
		{"hugepages-x", "3Mi", `x: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-x`},
	} {
		quantity, got := resource.MustParse(c.amount), ""
		if errs := append(ValidateQuantity(c.name, quantity, field.NewPath("x")), ValidatePages(c.name, quantity, field.NewPath("x"))...); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.amount, c.name, got, c.want)
		}
	}
	list := corev1.ResourceList{"cpu": resource.MustParse("1.0001")}
	Round(list)
	if cpu := list["cpu"]; cpu.String() != "1001m" {
		t.Errorf("rounded to %s", cpu.String())
	}
}
