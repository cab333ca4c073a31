package request

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ method, url, want string }{
		{"GET", "/version", "get /version"},
		{"GET", "/", "get /"},
		{"GET", "/api/v1", "get /api/v1"},
		{"GET", "/apis/apps/v1", "get /apis/apps/v1"},
		{"GET", "/api/v1/pods", "list v1 pods"},
		{"GET", "/api/v1/pods?watch=1", "watch v1 pods"},
		{"GET", "/api/v1/pods?watch=false", "list v1 pods"},
		{"GET", "/api/v1/namespaces", "list v1 namespaces"},
		{"GET", "/api/v1/namespaces/a", "get v1 namespaces ns=a name=a"},
		{"PUT", "/api/v1/namespaces/a/finalize", "update v1 namespaces ns=a name=a sub=finalize"},
		{"PATCH", "/api/v1/namespaces/a/status", "patch v1 namespaces ns=a name=a sub=status"},
		{"POST", "/api/v1/namespaces/a/pods", "create v1 pods ns=a"},
		{"DELETE", "/api/v1/namespaces/a/pods", "deletecollection v1 pods ns=a"},
		{"DELETE", "/api/v1/namespaces/a/pods/p", "delete v1 pods ns=a name=p"},
		{"GET", "/api/v1/namespaces/a/pods/p/proxy/metrics", "get v1 pods ns=a name=p sub=proxy"},
		{"HEAD", "/api/v1/namespaces/a/pods/p", "get v1 pods ns=a name=p"},
		{"GET", "/apis/apps/v1/namespaces/a/deployments/d/scale", "get apps/v1 deployments ns=a name=d sub=scale"},
		{"GET", "/api/v1/nodes?fieldSelector=metadata.name%3Dn1", "list v1 nodes name=n1"},
		{"GET", "/api/v1/nodes?fieldSelector=(", "list v1 nodes"},
	} {
		i := Parse(httptest.NewRequest(tt.method, tt.url, nil))
		got := []string{i.Verb}
		if !i.IsResource {
			got = append(got, i.Path)
		} else {
			got = append(got, i.GroupVersion(), i.Resource)
			for _, part := range []struct{ key, value string }{{"ns", i.Namespace}, {"name", i.Name}, {"sub", i.Subresource}} {
				if part.value != "" {
					got = append(got, part.key+"="+part.value)
				}
			}
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.method, tt.url, s, tt.want)
		}
	}
}
