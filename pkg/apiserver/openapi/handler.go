package openapi

import (
	"bytes"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
)

// documents makes the documents and keeps their bytes.
type documents struct {
	version string
	served  []served
	started time.Time

	// merge is filled by the first document and read-only from then on.
	merge func() (mergeRules, error)
	facts func() (facts, error)
	// pages are the operations by the paths of documents: apis/apps/v1.
	pages func() map[string][]operation
	// swagger and groups make a document at the first call and return it from then on.
	swagger func() (*document, error)
	groups  func() map[string]func() (*document, error) // by path too
}

// document is one document in its two encodings. It is immutable.
type document struct {
	json  []byte
	hash  string                 // of the JSON, in upper-case hex
	proto func() ([]byte, error) // made from the JSON at the first call
}

// New returns the handler of /openapi/v2 and /openapi/v3. version is what the
// documents say of the server, "v1.37.2". The handler is safe for concurrent use.
func New(resources []*api.Resource, scheme *runtime.Scheme, version string) http.Handler {
	d := &documents{
		version: release(version), served: servedOf(resources), started: time.Now(), facts: sync.OnceValues(readFacts),
	}
	d.merge = sync.OnceValues(func() (mergeRules, error) { return newMergeRules(scheme) })
	d.swagger = sync.OnceValues(d.v2)
	d.pages = sync.OnceValue(func() map[string][]operation { return pagesOf(d.served) })
	d.groups = sync.OnceValue(func() map[string]func() (*document, error) {
		groups := map[string]func() (*document, error){}
		for page := range d.pages() {
			groups[page] = sync.OnceValues(func() (*document, error) { return d.v3(page) })
		}
		return groups
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openapi/v2", d.serveV2)
	mux.HandleFunc("GET /openapi/v3", d.serveIndex)
	mux.HandleFunc("GET /openapi/v3/{path...}", d.serveV3)
	return mux
}

// release is a version without its patch: 1.37 of v1.37.2.
func release(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// build makes a document; parse turns its JSON into the message that is its protobuf.
func build[M proto.Message](doc any, parse func([]byte) (M, error)) (*document, error) {
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return &document{
		json: body,
		hash: hashOf(body),
		proto: sync.OnceValues(func() ([]byte, error) {
			message, err := parse(body)
			if err != nil {
				return nil, err
			}
			return proto.Marshal(message)
		}),
	}, nil
}

func hashOf(body []byte) string { return fmt.Sprintf("%X", sha512.Sum512(body)) }

// newModels are for one group-version, or in version 2 for all.
func (d *documents) newModels(dialect dialect, gv runtimeschema.GroupVersion) (*models, error) {
	facts, err := d.facts()
	if err != nil {
		return nil, err
	}
	rules, err := d.merge()
	if err != nil {
		return nil, err
	}
	kinds := map[reflect.Type][]runtimeschema.GroupVersionKind{}
	for _, s := range d.served {
		kinds[s.object] = []runtimeschema.GroupVersionKind{s.gv.WithKind(s.resource.Kind)}
		if s.list != nil {
			kinds[s.list] = []runtimeschema.GroupVersionKind{s.gv.WithKind(s.resource.Kind + "List")}
		}
		for _, sub := range s.resource.Subresources {
			if sub.New != nil {
				kinds[elem(sub.New())] = []runtimeschema.GroupVersionKind{sub.Kind}
			}
		}
	}
	for _, t := range []reflect.Type{statusType, reflect.TypeFor[metav1.APIGroup](), reflect.TypeFor[metav1.APIGroupList](),
		reflect.TypeFor[metav1.APIResourceList](), reflect.TypeFor[metav1.APIVersions]()} {
		kinds[t] = []runtimeschema.GroupVersionKind{{Version: "v1", Kind: t.Name()}}
	}
	everywhere := facts.everywhere()
	if dialect.v3 {
		everywhere = everywhereIn(gv)
	}
	for _, gv := range everywhere {
		kinds[deleteType] = append(kinds[deleteType], gv.WithKind("DeleteOptions"))
		kinds[watchType] = append(kinds[watchType], gv.WithKind("WatchEvent"))
	}
	return &models{dialect: dialect, merge: rules, facts: facts, kinds: kinds, schemas: map[string]*schema{}}, nil
}

func (d *documents) serveV2(w http.ResponseWriter, r *http.Request) {
	doc, err := d.swagger()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	d.write(w, r, doc, "v2")
}

// serveIndex lists the group-versions. An address holds the hash of its
// document, so that clients may keep it for good.
func (d *documents) serveIndex(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		URL string `json:"serverRelativeURL"`
	}
	index := struct {
		Paths map[string]entry `json:"paths"`
	}{map[string]entry{}}
	for path, get := range d.groups() {
		doc, err := get()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		index.Paths[path] = entry{"/openapi/v3/" + path + "?hash=" + doc.hash}
	}
	body, err := json.Marshal(index)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // as upstream says of this JSON
	w.Header().Set("ETag", fmt.Sprintf("%q", hashOf(body)))
	http.ServeContent(w, r, "", d.started, bytes.NewReader(body))
}

func (d *documents) serveV3(w http.ResponseWriter, r *http.Request) {
	path := r.PathValue("path")
	get, ok := d.groups()[path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	doc, err := get()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if hash := r.URL.Query().Get("hash"); hash != "" {
		if hash != doc.hash {
			http.Redirect(w, r, (&url.URL{Path: r.URL.Path, RawQuery: "hash=" + doc.hash}).String(), http.StatusMovedPermanently)
			return
		}
		w.Header().Set("Cache-Control", "public, immutable")
		w.Header().Set("Expires", time.Now().AddDate(1, 0, 0).UTC().Format(http.TimeFormat))
	}
	d.write(w, r, doc, "v3")
}

// write sends the encoding that the client prefers: protobuf if it names it first.
func (d *documents) write(w http.ResponseWriter, r *http.Request, doc *document, version string) {
	w.Header().Add("Vary", "Accept")
	w.Header().Set("ETag", fmt.Sprintf("%q", doc.hash))
	mediaType, isProto := accepted(r.Header.Get("Accept"), version)
	if mediaType == "" {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	body := doc.json
	if isProto {
		var err error
		if body, err = doc.proto(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", mediaType)
	http.ServeContent(w, r, "", d.started, bytes.NewReader(body))
}

// accepted returns the first media type of an Accept header that there is, and
// whether it is protobuf; "" if there is none.
func accepted(accept, version string) (mediaType string, isProto bool) {
	const jsonType = "application/json"
	protoType := "application/com.github.proto-openapi.spec." + version + ".v1.0+protobuf"
	if accept == "" {
		return jsonType, false
	}
	for _, part := range strings.Split(accept, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch strings.Replace(name, "@v1.0", ".v1.0", 1) {
		case jsonType, "*/*", "application/*":
			return jsonType, false
		case protoType:
			return protoType, true
		}
	}
	return "", false
}
