package expression

import (
	"testing"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestCheck(t *testing.T) {
	refuse := func(out *cel.Type) string {
		if out == cel.BoolType {
			return ""
		}
		return "no bool but " + out.String()
	}
	for _, c := range []struct{ text, want string }{
		{`isQuantity("1Gi") && "a".matches("^a$")`, ``},
		{`1`, `p: Invalid value: "1": no bool but int`},
		{`a`, "p: Invalid value: \"a\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'a' (in container '')\n | a\n | ^"},
	} {
		got := ""
		if _, err := Check(Base().NewExpressionsEnv(), c.text, field.NewPath("p"), refuse); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}
