package openapi

import (
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
)

// pages are the operations of each document of version 3, by its path: of a
// group-version, and of the paths by which clients find out what there is.
func pagesOf(all []served) map[string][]operation {
	pages := map[string][]operation{}
	add := func(op operation) {
		page := strings.Trim(op.path, "/")
		pages[page] = append(pages[page], op)
	}
	add(discovery("/api/", "core", "getCoreAPIVersions", "get available API versions", reflect.TypeFor[metav1.APIVersions]()))
	add(discovery("/apis/", "apis", "getAPIVersions", "get available API versions", reflect.TypeFor[metav1.APIGroupList]()))
	seen := map[runtimeschema.GroupVersion]bool{}
	for _, s := range all {
		group := runtimeschema.GroupVersion{Group: s.gv.Group}
		if s.gv.Group != "" && !seen[group] {
			add(discovery("/apis/"+s.gv.Group+"/", strings.TrimSuffix(tagOf(group), "_"), "get"+idOf(group)+"APIGroup", "get information of a group",
				reflect.TypeFor[metav1.APIGroup]()))
		}
		if !seen[s.gv] {
			add(discovery(s.root()+"/", tagOf(s.gv), "get"+idOf(s.gv)+"APIResources", "get available resources", reflect.TypeFor[metav1.APIResourceList]()))
		}
		seen[group], seen[s.gv] = true, true
		page := strings.TrimPrefix(s.root(), "/")
		pages[page] = append(pages[page], s.operations()...)
	}
	code := discovery("/version/", "version", "getCodeVersion", "get the version information for this server", reflect.TypeFor[version.Info]())
	code.consumes, code.produces = bodyTypes[:1], bodyTypes[:1]
	add(code)
	issuer := discovery("/.well-known/openid-configuration/", "WellKnown", "getServiceAccountIssuerOpenIDConfiguration",
		"get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'", nil)
	issuer.consumes, issuer.produces = []string{}, bodyTypes[:1]
	add(issuer)
	keys := discovery("/openid/v1/jwks/", "openid", "getServiceAccountIssuerOpenIDKeyset",
		"get service account issuer OpenID JSON Web Key Set (contains public token verification keys)", nil)
	keys.consumes, keys.produces = []string{}, []string{"application/jwk-set+json"}
	add(keys)
	return pages
}

// discovery is an operation that is about no resource.
func discovery(path, tag, id, description string, answer reflect.Type) operation {
	return operation{method: "GET", path: path, tag: tag, id: id, description: description, answer: answer, consumes: bodyTypes, produces: bodyTypes}
}

// addPaths writes operations as one of the two forms has them.
func addPaths[P, O any](into map[string]map[string]any, ops []operation, parameters func(path string, query []parameter) []P, write func(operation) O) {
	paths, shared := byPath(ops)
	for path, ops := range paths {
		into[path] = map[string]any{}
		if params := parameters(path, shared[path]); len(params) > 0 {
			into[path]["parameters"] = params
		}
		for _, op := range ops {
			into[path][strings.ToLower(op.method)] = write(op)
		}
	}
}

// byPath returns the operations of each path, without the parameters that all of a
// path's share, and those.
func byPath(ops []operation) (paths map[string][]operation, shared map[string][]parameter) {
	paths, shared = map[string][]operation{}, map[string][]parameter{}
	for _, op := range ops {
		paths[op.path] = append(paths[op.path], op)
	}
	for path, ops := range paths {
		shared[path] = ops[0].query
		for _, op := range ops[1:] {
			shared[path] = both(shared[path], op.query, true)
		}
		for i := range ops {
			ops[i].query = both(ops[i].query, shared[path], false)
		}
	}
	return paths, shared
}

// both returns the parameters that are in b too, or those that are not.
func both(a, b []parameter, in bool) (params []parameter) {
	names := map[string]bool{}
	for _, p := range b {
		names[p.name] = true
	}
	for _, p := range a {
		if names[p.name] == in {
			params = append(params, p)
		}
	}
	return params
}
