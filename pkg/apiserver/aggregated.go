package apiserver

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/munnerz/goautoneg"
	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/apiserver/wire"
)

// document is a whole discovery document as it is sent.
type document struct {
	list *apidiscovery.APIGroupDiscoveryList
	etag string
}

const joinedAs = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

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
	return document{list: list, etag: `"` + strings.ToUpper(hex.EncodeToString(sum[:])) + `"`}
}

// resources lists a version's resources with their subresources inside.
func (d *discovery) resources(gv schema.GroupVersion) (out []apidiscovery.APIResourceDiscovery) {
	for _, r := range d.lists[gv].APIResources {
		// Without group and version it is the list's own.
		kind := metav1.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
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
func (d *discovery) serveJoined(w http.ResponseWriter, r *http.Request) bool {
	doc, ok := d.joined[r.URL.Path]
	media := acceptsJoined(r.Header.Get("Accept"))
	if !ok || media == "" {
		return false
	}
	w.Header().Add("Vary", "Accept")
	w.Header().Set("ETag", doc.etag)
	w.Header().Set("Cache-Control", "public")
	if r.Header.Get("If-None-Match") == doc.etag {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	wire.WriteAs(w, r, wire.Media{Type: media, Suffix: joinedAs}, http.StatusOK, doc.list)
	return true
}

// acceptsJoined returns the media type in which the joined document is the best that
// is accepted; "" if it is not.
func acceptsJoined(header string) string {
	for _, clause := range goautoneg.ParseAccept(header) {
		p := clause.Params
		if p["as"] == "" {
			return ""
		}
		media := clause.Type + "/" + clause.SubType
		if p["g"] == "apidiscovery.k8s.io" && p["v"] == "v2" && p["as"] == "APIGroupDiscoveryList" && slices.Contains(joinedTypes, media) {
			return media
		}
	}
	return ""
}

var joinedTypes = []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf}
