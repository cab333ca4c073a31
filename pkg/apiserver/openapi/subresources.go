package openapi

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
)

func (s served) subresource(one string, sub *api.Subresource) (ops []operation) {
	path := one + "/" + sub.Name
	if sub.Connect && sub.New == nil && sub.Name != "log" {
		return s.connections(path, sub)
	}
	kind, object := s.resource.Kind, s.object
	if sub.New != nil {
		object = elem(sub.New())
	}
	for _, verb := range sub.Verbs {
		m := methods[verb]
		op := s.op(m.method, path, m.word, m.action, m.text+" "+sub.Name+" of the specified "+kind, title(sub.Name), object, m.query)
		switch {
		case sub.Name == "log":
			op.answer, op.produces, op.query = nil, append([]string{"text/plain"}, bodyTypes...), merged(optionsOf[path[strings.LastIndex(path, "/pods"):]], op.query)
		case verb == "patch":
			op = op.with(patchType)
		case verb != "get":
			op = op.with(object)
		}
		if sub.Kind.Kind != "" && sub.Name != "log" {
			op.kind = sub.Kind
		}
		ops = append(ops, op)
	}
	return ops
}

// methods says how a verb on a subresource is called in HTTP and in documents.
var methods = map[string]struct {
	method, word, action, text string
	query                      []parameter
}{
	"get":    {"GET", "read", "get", "read", nil},
	"create": {"POST", "create", "post", "create", createQuery},
	"update": {"PUT", "replace", "put", "replace", updateQuery},
	"patch":  {"PATCH", "patch", "patch", "partially update", patchQuery},
	"delete": {"DELETE", "delete", "delete", "delete", deleteQuery},
}

// optionsOf are the queries of connections.
var optionsOf = map[string][]parameter{
	"/pods/{name}/attach":      queryOf(reflect.TypeFor[corev1.PodAttachOptions]()),
	"/pods/{name}/exec":        queryOf(reflect.TypeFor[corev1.PodExecOptions]()),
	"/pods/{name}/log":         queryOf(reflect.TypeFor[corev1.PodLogOptions]()),
	"/pods/{name}/portforward": queryOf(reflect.TypeFor[corev1.PodPortForwardOptions]()),
	"/pods/{name}/proxy":       queryOf(reflect.TypeFor[corev1.PodProxyOptions]()),
	"/services/{name}/proxy":   queryOf(reflect.TypeFor[corev1.ServiceProxyOptions]()),
	"/nodes/{name}/proxy":      queryOf(reflect.TypeFor[corev1.NodeProxyOptions]()),
}

// connections are what a subresource that is one can be asked by: what is proxied
// by every method, and with the rest of a path.
func (s served) connections(path string, sub *api.Subresource) (ops []operation) {
	verbs := []string{"GET", "POST"}
	paths := map[string]string{path: ""}
	if sub.Name == "proxy" {
		verbs = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}
		paths[path+"/{path}"] = "WithPath"
	}
	for path, suffix := range paths {
		for _, method := range verbs {
			scope := s.resource.Kind + title(sub.Name) + suffix
			if s.resource.Namespaced {
				scope = "Namespaced" + scope
			}
			word := method[:1] + strings.ToLower(method[1:])
			ops = append(ops, operation{
				method: method, path: path, id: "connect" + idOf(s.gv) + word + scope, tag: tagOf(s.gv), action: "connect", kind: sub.Kind,
				description: "connect " + method + " requests to " + sub.Name + " of " + s.resource.Kind, produces: []string{"*/*"},
				query: optionsOf["/"+s.resource.Plural+"/{name}/"+sub.Name],
			})
		}
	}
	return ops
}
