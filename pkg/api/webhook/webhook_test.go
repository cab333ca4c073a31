package webhook

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

func TestValidate(t *testing.T) {
	path := field.NewPath("p")
	for _, c := range []struct {
		got  field.ErrorList
		want string
	}{
		{ValidateURL("https://a.b/c", path), ""},
		{ValidateURL("http://u@/?q#f", path), `p: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]
p: Invalid value: "": host must be specified; desired format: https://host[/path]
p: Invalid value: "u": user information is not permitted in the URL
p: Invalid value: "f": fragments are not permitted in the URL
p: Invalid value: "q": query parameters are not permitted in the URL`},
		{ValidateURL(":", path), `p: Required value: url must be a valid URL: parse ":": missing protocol scheme; desired format: https://host[/path]`},
		{ValidateService("ns", "s", ptr.To("/a/b/"), 443, path), ""},
		{ValidateService("ns", "", ptr.To("a"), 0, path), `p.namespace: Required value
p.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive
p.path: Invalid value: "a": must start with a '/'
p.path: Invalid value: "a": segment[0] may not be empty`},
		{ValidateReviewVersions(nil, "x", false, path), `p: Required value: x`},
		{ValidateReviewVersions([]string{"v2", "v2"}, "", false, path), `p[1]: Invalid value: "v2": duplicate version
p: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1`},
		{ValidateReviewVersions([]string{"v2"}, "", true, path), ""},
	} {
		var got []string
		for _, err := range c.got {
			got = append(got, err.Error())
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), c.want)
		}
	}
}
