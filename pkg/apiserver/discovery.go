package apiserver

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
)

// discovery says what is served: /api, /apis and below, and both as one
// document for clients that ask for it (aggregated.go). It is made once from the
// list of resources and never changes.
//
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
type discovery struct {
	groups  []metav1.APIGroup // in upstream's order; the core group is not among them
	lists   map[schema.GroupVersion]*metav1.APIResourceList
	core    *metav1.APIVersions
	joined  map[string]document // "/api", "/apis"
	ordered []schema.GroupVersion
}

// groupOrder is the order in which upstream lists its groups. Others follow by name.
var groupOrder = []string{
	"apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
	"autoscaling", "batch", "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
	"storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io",
	"coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io",
	"flowcontrol.apiserver.k8s.io", "storagemigration.k8s.io",
}

// newDiscovery describes resources that clients reach at address (host:port).
func newDiscovery(resources []*api.Resource, address string) *discovery {
	d := &discovery{lists: map[schema.GroupVersion]*metav1.APIResourceList{}, joined: map[string]document{}}
	preferred := map[string]string{}
	for _, r := range resources {
		for _, v := range r.Served() {
			d.add(r, schema.GroupVersionKind{Group: v.Group, Version: v.Version, Kind: r.Kind})
			if v.Preferred || preferred[v.Group] == "" {
				preferred[v.Group] = v.Version
			}
		}
	}
	for _, list := range d.lists {
		slices.SortFunc(list.APIResources, func(a, b metav1.APIResource) int { return strings.Compare(a.Name, b.Name) })
	}
	d.order(preferred)
	d.core = &metav1.APIVersions{
		TypeMeta:                   metav1.TypeMeta{Kind: "APIVersions"},
		Versions:                   []string{"v1"},
		ServerAddressByClientCIDRs: []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: address}},
	}
	d.join()
	return d
}

func (d *discovery) add(r *api.Resource, gvk schema.GroupVersionKind) {
	gv := gvk.GroupVersion()
	list := d.lists[gv]
	if list == nil {
		list = &metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
		if gv.Group == "" {
			list.APIVersion = "" // as the core group has always had it
		}
		d.lists[gv] = list
	}
	resource := metav1.APIResource{Name: r.Plural, SingularName: r.Singular, Namespaced: r.Namespaced, Kind: r.Kind,
		Verbs: r.Verbs, ShortNames: r.ShortNames, Categories: r.Categories}
	if resource.Verbs == nil {
		resource.Verbs = api.AllVerbs
	}
	if !r.Virtual {
		resource.StorageVersionHash = storageVersionHash(r)
	}
	list.APIResources = append(list.APIResources, resource)
	for _, s := range r.Subresources {
		sub := metav1.APIResource{Name: r.Plural + "/" + s.Name, Namespaced: r.Namespaced, Kind: r.Kind, Verbs: s.Verbs}
		if !s.Kind.Empty() {
			sub.Kind = s.Kind.Kind
			if s.Kind.GroupVersion() != gv {
				sub.Group, sub.Version = s.Kind.Group, s.Kind.Version
			}
		}
		list.APIResources = append(list.APIResources, sub)
	}
}

// storageVersionHash tells clients when the stored form of a kind has changed.
func storageVersionHash(r *api.Resource) string {
	version := r.StorageVersion
	if version == "" {
		version = r.Version
	}
	sum := sha256.Sum256([]byte(r.Group + "/" + version + "/" + r.Kind))
	return base64.StdEncoding.EncodeToString(sum[:8])
}

// order sorts the groups and, within each, the versions: the preferred one first.
func (d *discovery) order(preferred map[string]string) {
	for gv := range d.lists {
		d.ordered = append(d.ordered, gv)
	}
	rank := func(group string) int {
		if i := slices.Index(groupOrder, group); i >= 0 {
			return i
		}
		return len(groupOrder)
	}
	slices.SortFunc(d.ordered, func(a, b schema.GroupVersion) int {
		switch {
		case a.Group != b.Group && rank(a.Group) != rank(b.Group):
			return rank(a.Group) - rank(b.Group)
		case a.Group != b.Group:
			return strings.Compare(a.Group, b.Group)
		case preferred[a.Group] == a.Version:
			return -1
		case preferred[a.Group] == b.Version:
			return 1
		}
		return version.CompareKubeAwareVersionStrings(b.Version, a.Version)
	})
	for _, gv := range d.ordered {
		if gv.Group == "" {
			continue
		}
		shown := metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version}
		if last := len(d.groups) - 1; last >= 0 && d.groups[last].Name == gv.Group {
			d.groups[last].Versions = append(d.groups[last].Versions, shown)
			continue
		}
		d.groups = append(d.groups, metav1.APIGroup{
			TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"},
			Name:     gv.Group, Versions: []metav1.GroupVersionForDiscovery{shown}, PreferredVersion: shown,
		})
	}
}

// serves says whether a version of a group has resources.
func (d *discovery) serves(group, version string) bool {
	return d.lists[schema.GroupVersion{Group: group, Version: version}] != nil
}

// paths lists the paths of all documents.
func (d *discovery) paths() []string {
	paths := []string{"/api", "/api/v1", "/apis"}
	for _, group := range d.groups {
		paths = append(paths, "/apis/"+group.Name)
		for _, v := range group.Versions {
			paths = append(paths, "/apis/"+v.GroupVersion)
		}
	}
	return paths
}

// ServeHTTP serves the documents.
func (d *discovery) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	doc := d.document(parts)
	switch {
	case doc != nil && r.Method != http.MethodGet:
		wire.Error(w, r, wire.MethodNotAllowed())
	case doc == nil && parts[0] == "apis" && !d.known(parts[1]):
		http.NotFound(w, r)
	case doc == nil:
		wire.Error(w, r, wire.NotFoundRoute())
	case len(parts) == 1 && d.serveJoined(w, r):
	default:
		d.serveOne(w, r, doc)
	}
}

func (d *discovery) serveOne(w http.ResponseWriter, r *http.Request, doc runtime.Object) {
	if _, list := doc.(*metav1.APIResourceList); list {
		if err := wire.CheckAccept(r, false); err != nil {
			wire.Error(w, r, err)
			return
		}
	}
	wire.Write(w, r, http.StatusOK, doc)
}

// known says whether there is a group of the name.
func (d *discovery) known(group string) bool {
	return slices.ContainsFunc(d.groups, func(g metav1.APIGroup) bool { return g.Name == group })
}

func (d *discovery) document(parts []string) runtime.Object {
	switch root := parts[0]; {
	case root == "api" && len(parts) == 1:
		return d.core
	case root == "apis" && len(parts) == 1:
		return d.groupList()
	case root == "api" && len(parts) == 2:
		return d.list("", parts[1])
	case root == "apis" && len(parts) == 2:
		i := slices.IndexFunc(d.groups, func(g metav1.APIGroup) bool { return g.Name == parts[1] })
		if i >= 0 {
			return &d.groups[i]
		}
	case root == "apis" && len(parts) == 3:
		return d.list(parts[1], parts[2])
	}
	return nil
}

// list returns nil, and no typed nil, for what is not served.
func (d *discovery) list(group, version string) runtime.Object {
	if list := d.lists[schema.GroupVersion{Group: group, Version: version}]; list != nil {
		return list
	}
	return nil
}

func (d *discovery) groupList() *metav1.APIGroupList {
	list := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: slices.Clone(d.groups)}
	for i := range list.Groups {
		list.Groups[i].TypeMeta = metav1.TypeMeta{}
	}
	return list
}
