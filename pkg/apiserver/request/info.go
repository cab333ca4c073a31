package request

import "strings"

// Info is what a request asks for, read from its method, path and query alone.
type Info struct {
	// IsResource is true for paths below /api and /apis that name a resource.
	// For all others only Path and Verb (the method in lower case) are set.
	IsResource bool

	Path string // without query, "/api/v1/namespaces/default/pods"

	// Verb is Kubernetes' own: get, list, watch, create, update, patch, delete,
	// deletecollection, proxy; or the HTTP method in lower case.
	Verb string

	APIPrefix  string // "api" or "apis"
	APIGroup   string // "" for the core group
	APIVersion string

	// Namespace is the one in the path; for /api/v1/namespaces/NAME it is
	// NAME too, as authorization wants it.
	Namespace   string
	Resource    string // "pods"
	Subresource string // "status"; empty for the object itself
	Name        string // empty for collections, also on create
	// Parts are all the path's segments from the resource on:
	// ["pods", "web-0", "proxy", "metrics"].
	Parts []string

	// OldWatch is true for the deprecated paths of watches, as /api/v1/watch/pods:
	// they may name an object.
	OldWatch bool

	// FieldSelector and LabelSelector are the raw query values of list, watch
	// and deletecollection.
	FieldSelector string
	LabelSelector string
}

// GroupVersion returns "apps/v1", or "v1" for the core group.
func (i *Info) GroupVersion() string {
	if i.APIGroup == "" {
		return i.APIVersion
	}
	return i.APIGroup + "/" + i.APIVersion
}

// Scope says how much the request is about, as metrics name it: a resource, a
// namespace, the cluster, or nothing of these.
func (i *Info) Scope() string {
	switch {
	case !i.IsResource:
		return ""
	case i.Name != "" || i.Verb == "create":
		return "resource"
	case i.Namespace != "":
		return "namespace"
	}
	return "cluster"
}

// ReadOnly says whether the verb leaves everything as it is.
func (i *Info) ReadOnly() bool {
	switch i.Verb {
	case "get", "list", "watch", "head", "options":
		return true
	}
	return false
}

// LongRunning says whether a request is a connection more than a question.
func (i *Info) LongRunning() bool {
	if i.Verb == "watch" {
		return true
	}
	switch i.Subresource {
	case "attach", "exec", "log", "portforward", "proxy":
		return true
	}
	return strings.HasPrefix(i.Path, "/debug/pprof/")
}
