package authn

import (
	"context"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"slowmo/pkg/apiserver/request"
)

// allowing allows the listed "verb resource[/sub] [namespace/]name".
type allowing []string

func (a allowing) Authorize(_ context.Context, q *request.Authorization) (request.Decision, string, error) {
	what := q.Info.Resource
	if q.Info.Subresource != "" {
		what += "/" + q.Info.Subresource
	}
	name := q.Info.Name
	if q.Info.Namespace != "" {
		name = q.Info.Namespace + "/" + name
	}
	if slices.Contains(a, strings.TrimSpace(q.Info.Verb+" "+what+" "+name)) {
		return request.Allow, "", nil
	}
	return request.NoOpinion, "", nil
}

func TestImpersonate(t *testing.T) {
	const user = "Impersonate-User"
	authenticated := func(name string, groups ...string) *request.User {
		return &request.User{Name: name, Groups: append(groups, request.GroupAuthenticated)}
	}
	alice := authenticated("alice")
	agent := &request.User{Name: "system:serviceaccount:ns:agent", Extra: map[string][]string{nodeNameKey: {"n1"}}}
	for _, test := range []struct {
		name    string
		real    *request.User
		headers [][2]string
		allow   allowing
		want    *request.User
		err     string
	}{
		{"nobody", alice, nil, nil, alice, ""},
		{"a user, as of old", alice, [][2]string{{user, "bob"}}, allowing{"impersonate users bob"}, authenticated("bob"), ""},
		{"a user, for this verb", alice, [][2]string{{user, "bob"}},
			allowing{"impersonate-on:user-info:list pods ns/", "impersonate:user-info users bob"}, authenticated("bob"), ""},
		{"a user, for another verb", alice, [][2]string{{user, "bob"}},
			allowing{"impersonate-on:user-info:get pods ns/", "impersonate:user-info users bob"}, nil,
			`pods is forbidden: User "alice" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns"`},
		{"another user for this verb", alice, [][2]string{{user, "bob"}},
			allowing{"impersonate-on:user-info:list pods ns/", "impersonate:user-info users eve"}, nil,
			`users.authentication.k8s.io "bob" is forbidden: User "alice" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope`},
		{"anonymous", alice, [][2]string{{user, request.Anonymous}}, allowing{"impersonate users system:anonymous"},
			&request.User{Name: request.Anonymous, Groups: []string{request.GroupUnauthenticated}}, ""},
		{"groups", alice, [][2]string{{user, "bob"}, {"Impersonate-Group", "a"}, {"Impersonate-Group", "b"}},
			allowing{"impersonate users bob", "impersonate groups a", "impersonate groups b"}, authenticated("bob", "a", "b"), ""},
		{"a group that it may not", alice, [][2]string{{user, "bob"}, {"Impersonate-Group", "a"}},
			allowing{"impersonate-on:user-info:list pods ns/", "impersonate:user-info users bob"}, nil,
			`groups.authentication.k8s.io "a" is forbidden: User "alice" cannot impersonate:user-info resource "groups"`},
		{"masters, as of old only", alice, [][2]string{{user, "bob"}, {"Impersonate-Group", request.GroupMasters}},
			allowing{"impersonate-on:user-info:list pods ns/", "impersonate:user-info users bob", "impersonate:user-info groups system:masters"}, nil,
			"impersonating the system:masters group is not allowed"},
		{"a uid", alice, [][2]string{{user, "bob"}, {"Impersonate-Uid", "7"}}, allowing{"impersonate users bob", "impersonate uids 7"},
			&request.User{Name: "bob", UID: "7", Groups: []string{request.GroupAuthenticated}}, ""},
		{"a service account", alice, [][2]string{{user, "system:serviceaccount:ns:app"}}, allowing{"impersonate serviceaccounts ns/app"},
			authenticated("system:serviceaccount:ns:app", "system:serviceaccounts", "system:serviceaccounts:ns"), ""},
		{"a service account for this verb", alice, [][2]string{{user, "system:serviceaccount:ns:app"}},
			allowing{"impersonate-on:serviceaccount:list pods ns/", "impersonate:serviceaccount serviceaccounts ns/app"},
			authenticated("system:serviceaccount:ns:app", "system:serviceaccounts", "system:serviceaccounts:ns"), ""},
		{"any node", alice, [][2]string{{user, "system:node:n1"}},
			allowing{"impersonate-on:arbitrary-node:list pods ns/", "impersonate:arbitrary-node nodes n1"}, authenticated("system:node:n1", request.GroupNodes), ""},
		{"its own node", agent, [][2]string{{user, "system:node:n1"}},
			allowing{"impersonate-on:associated-node:list pods ns/", "impersonate:associated-node nodes *"}, authenticated("system:node:n1", request.GroupNodes), ""},
		{"another node", agent, [][2]string{{user, "system:node:n2"}},
			allowing{"impersonate-on:associated-node:list pods ns/", "impersonate:associated-node nodes *"}, nil, "impersonate-on:arbitrary-node:list"},
		{"an extra", alice, [][2]string{{user, "bob"}, {"Impersonate-Extra-Acme.com%2Fproject", "p"}},
			allowing{"impersonate users bob", "impersonate userextras/acme.com/project p"},
			&request.User{Name: "bob", Groups: []string{request.GroupAuthenticated}, Extra: map[string][]string{"acme.com/project": {"p"}}}, ""},
		{"a group without a user", alice, [][2]string{{"Impersonate-Group", "a"}}, nil, nil,
			`requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)} without impersonating a user name`},
	} {
		r := httptest.NewRequest("GET", "/api/v1/namespaces/ns/pods", nil)
		r = r.WithContext(request.With(r.Context(), &request.State{Info: request.Parse(r), User: test.real}))
		for _, h := range test.headers {
			r.Header.Add(h[0], h[1])
		}
		got, err := Impersonate(r, test.real, test.allow)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: got %v, want %s", test.name, err, test.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, %v, want %+v", test.name, got, err, test.want)
		}
		if len(r.Header) > 0 {
			t.Errorf("%s: headers are left: %v", test.name, r.Header)
		}
	}
}
