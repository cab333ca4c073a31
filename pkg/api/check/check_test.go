package check

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestRules(t *testing.T) {
	x := field.NewPath("x")
	for name, c := range map[string]struct {
		errs field.ErrorList
		want string
	}{
		"one of":        {OneOf("b", x, "a", "b"), ""},
		"none of":       {OneOf("c", x, "a", "b"), `x: Unsupported value: "c": supported values: "a", "b"`},
		"required":      {Required("", x, "a"), "x: Required value"},
		"label":         {DNS1123Label("a", x), ""},
		"a dot":         {DNS1123Label("a.b", x), `x: Invalid value: "a.b": must not contain dots`},
		"port":          {Port(intstr.FromString("http"), x), ""},
		"port 0":        {Port(intstr.FromInt32(0), x), "x: Invalid value: 0: must be between 1 and 65535, inclusive"},
		"no effect":     {TaintEffect("", true, x), ""},
		"taint":         {TaintEffect("", false, x), "x: Required value"},
		"protocol":      {Protocol("FTP", x), `x: Unsupported value: "FTP": supported values: "SCTP", "TCP", "UDP"`},
		"signer":        {SignerName("example.com/a.b", x), ""},
		"signer's path": {SignerName("example.com", x), `x: Invalid value: "example.com": must be a fully qualified domain and path of the form 'example.com/signer-name'`},
	} {
		got := ""
		if len(c.errs) > 0 {
			got = c.errs.ToAggregate().Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if got := BundleName("example.com:a:b", false, "example.com/a"); len(got) > 0 {
		t.Errorf("a signer's bundle: %q", got)
	}
	if got := BundleName("b", false, "example.com/a"); len(got) != 1 || !strings.HasSuffix(got[0], "must be named with prefix example.com:a:") {
		t.Errorf("another's: %q", got)
	}
}
