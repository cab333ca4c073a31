package request

import (
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
)

// Parse reads from a request what it asks for. It never fails: what is no
// resource path is a request for its path.
//
// Shapes: /api/v1/... and /apis/GROUP/VERSION/..., then
// RESOURCE[/NAME[/SUBRESOURCE...]], or namespaces/NS/RESOURCE/...; a namespace's own subresources
// (status, finalize) stand where a resource would. "watch" may stand before all that.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
func Parse(r *http.Request) *Info {
	info := &Info{Path: r.URL.Path, Verb: strings.ToLower(r.Method)}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) >= 3:
		info.APIPrefix, info.APIVersion, parts = "api", parts[1], parts[2:]
	case parts[0] == "apis" && len(parts) >= 4:
		info.APIPrefix, info.APIGroup, info.APIVersion, parts = "apis", parts[1], parts[2], parts[3:]
	default:
		return info
	}
	info.IsResource = true
	if parts[0] == "watch" && len(parts) > 1 {
		info.OldWatch, parts = true, parts[1:]
	}
	if parts[0] == "namespaces" && len(parts) > 1 {
		info.Namespace = parts[1]
		if len(parts) > 2 && parts[2] != "status" && parts[2] != "finalize" {
			parts = parts[2:]
		}
	}
	info.Parts = parts
	info.Resource = parts[0]
	if len(parts) > 1 {
		info.Name = parts[1]
	}
	if len(parts) > 2 {
		info.Subresource = parts[2]
	}
	info.Verb = verb(r, info)
	if info.Collection() {
		query := r.URL.Query()
		info.LabelSelector, info.FieldSelector = query.Get("labelSelector"), query.Get("fieldSelector")
		// A list of one name is authorized as a read of it.
		if selector, err := fields.ParseSelector(info.FieldSelector); err == nil && info.Name == "" {
			info.Name, _ = selector.RequiresExactMatch("metadata.name")
		}
	}
	return info
}

// Collection says whether the verb is about all objects that match.
func (i *Info) Collection() bool {
	switch i.Verb {
	case "list", "watch", "deletecollection":
		return true
	}
	return false
}

func verb(r *http.Request, info *Info) string {
	if info.OldWatch {
		return "watch"
	}
	switch r.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		if info.Name == "" {
			return "deletecollection"
		}
		return "delete"
	case http.MethodGet, http.MethodHead:
		if info.Name != "" {
			return "get"
		}
		query := r.URL.Query()
		if asked := strings.ToLower(query.Get("watch")); !query.Has("watch") || asked == "false" || asked == "0" {
			return "list"
		}
		return "watch"
	}
	return "" // there is no such verb
}
