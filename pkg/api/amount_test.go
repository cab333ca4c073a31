package api

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestAmount(t *testing.T) {
	const malformed = `a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`
	for _, c := range []struct {
		amount intstr.IntOrString
		value  int
		want   string
	}{
		{intstr.FromInt32(3), 3, ""},
		{intstr.FromInt32(-1), -1, `x: Invalid value: -1: must be greater than or equal to 0`},
		{intstr.FromString("25%"), 25, ""},
		{intstr.FromString("101%"), 101, `x: Invalid value: "101%": must not be greater than 100%`},
		{intstr.FromString("5"), 5, `x: Invalid value: "5": ` + malformed},
		{intstr.FromString("half"), 0, `x: Invalid value: "half": ` + malformed},
	} {
		path := field.NewPath("x")
		got := ""
		if err := append(ValidateAmount(c.amount, path), ValidateNotAboveAll(c.amount, path)...).ToAggregate(); err != nil {
			got = err.Error()
		}
		if got != c.want || Amount(c.amount) != c.value {
			t.Errorf("%s: %d, %s; want %d, %s", c.amount.String(), Amount(c.amount), got, c.value, c.want)
		}
	}
}
