package apiserver

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/munnerz/goautoneg"
	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// document is a whole discovery document as it is sent.
type document struct {
	body []byte
	etag string
}

const joinedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

// join makes the documents that hold all groups at once.
//
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
func (d *discovery) join() {
	core, others := d.emptyList(), d.emptyList()
	for _, gv := range d.ordered {
		list := others
		if gv.Group == "" {
			list = core
		}
		shown := apidiscovery.APIVersionDiscovery{Version: gv.Version, Freshness: apidiscovery.DiscoveryFreshnessCurrent, Resources: d.resources(gv)}
		if last := len(list.Items) - 1; last >= 0 && list.Items[last].Name == gv.Group {
			list.Items[last].Versions = append(list.Items[last].Versions, shown)
			continue
		}
		list.Items = append(list.Items, apidiscovery.APIGroupDiscovery{
			ObjectMeta: metav1.ObjectMeta{Name: gv.Group}, Versions: []apidiscovery.APIVersionDiscovery{shown}})
	}
	d.joined["/api"], d.joined["/apis"] = newDocument(core), newDocument(others)
}

func (d *discovery) emptyList() *apidiscovery.APIGroupDiscoveryList {
	return &apidiscovery.APIGroupDiscoveryList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: "apidiscovery.k8s.io/v2"}}
}

func newDocument(list *apidiscovery.APIGroupDiscoveryList) document {
	body, err := json.Marshal(list)
	if err != nil { // plain strings always encode
		return document{}
	}
	sum := sha512.Sum512(body)
	return document{body: append(body, '\n'), etag: `"` + strings.ToUpper(hex.EncodeToString(sum[:])) + `"`}
}

// resources lists a version's resources with their subresources inside.
func (d *discovery) resources(gv schema.GroupVersion) (out []apidiscovery.APIResourceDiscovery) {
	for _, r := range d.lists[gv].APIResources {
		kind := metav1.GroupVersionKind{Group: gv.Group, Version: gv.Version, Kind: r.Kind}
		if r.Version != "" {
			kind.Group, kind.Version = r.Group, r.Version
		}
		if _, sub, ok := strings.Cut(r.Name, "/"); ok {
			parent := &out[len(out)-1]
			parent.Subresources = append(parent.Subresources, apidiscovery.APISubresourceDiscovery{Subresource: sub, ResponseKind: &kind, Verbs: r.Verbs})
			continue
		}
		scope := apidiscovery.ScopeCluster
		if r.Namespaced {
			scope = apidiscovery.ScopeNamespace
		}
		out = append(out, apidiscovery.APIResourceDiscovery{Resource: r.Name, ResponseKind: &kind, Scope: scope,
			SingularResource: r.SingularName, Verbs: r.Verbs, ShortNames: r.ShortNames, Categories: r.Categories})
	}
	return out
}

// serveJoined answers clients that accept the joined document. It is false for
// others.
func (d *discovery) serveJoined(w http.ResponseWriter, r *http.Request, path string) bool {
	w.Header().Add("Vary", "Accept")
	if !acceptsJoined(r.Header.Get("Accept")) {
		return false
	}
	doc := d.joined[path]
	w.Header().Set("ETag", doc.etag)
	w.Header().Set("Cache-Control", "public")
	if r.Header.Get("If-None-Match") == doc.etag {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	w.Header().Set("Content-Type", joinedType)
	_, _ = w.Write(doc.body) // a client that is gone needs no answer
	return true
}

// acceptsJoined says whether the best media type that we know is the joined document.
func acceptsJoined(header string) bool {
	for _, clause := range goautoneg.ParseAccept(header) {
		p := clause.Params
		if p["as"] == "" {
			return false
		}
		if p["g"] == "apidiscovery.k8s.io" && p["v"] == "v2" && p["as"] == "APIGroupDiscoveryList" &&
			clause.Type == "application" && clause.SubType == "json" {
			return true
		}
	}
	return false
}
