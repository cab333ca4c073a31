package apiserver

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/component"
)

var (
	timeBuckets = []float64{.005, .025, .05, .1, .2, .4, .6, .8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60}
	whatLabels  = []string{"verb", "group", "version", "resource", "subresource", "scope", "component"}
	etcdLabels  = []string{"operation", "group", "resource"}

	requests = promauto.With(component.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "apiserver_request_total", Help: "Requests answered.",
	}, append(whatLabels[:len(whatLabels):len(whatLabels)], "dry_run", "code"))
	durations = promauto.With(component.Registry).NewHistogramVec(prometheus.HistogramOpts{
		Name: "apiserver_request_duration_seconds", Help: "Time from a request to the end of its answer.",
		Buckets: timeBuckets,
	}, append(whatLabels[:len(whatLabels):len(whatLabels)], "dry_run"))
	promised = promauto.With(component.Registry).NewHistogramVec(prometheus.HistogramOpts{
		Name: "apiserver_request_sli_duration_seconds", Help: "Time from a request to the end of its answer, but for watches and dry runs.",
		Buckets: timeBuckets[2:],
	}, whatLabels)
	longrunning = promauto.With(component.Registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "apiserver_longrunning_requests", Help: "Watches and connections under way.",
	}, whatLabels)
	etcdDurations = promauto.With(component.Registry).NewHistogramVec(prometheus.HistogramOpts{
		Name: "etcd_request_duration_seconds", Help: "Time that a request to etcd took.", Buckets: timeBuckets,
	}, etcdLabels)
	etcdRequests = promauto.With(component.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "etcd_requests_total", Help: "Requests to etcd.",
	}, etcdLabels)
)

func observeEtcd(operation string, resource schema.GroupResource, took time.Duration) {
	etcdDurations.WithLabelValues(operation, resource.Group, resource.Resource).Observe(took.Seconds())
	etcdRequests.WithLabelValues(operation, resource.Group, resource.Resource).Inc()
}

// measured counts and times requests for what is served; the others would let
// strangers fill the memory with names of their own.
func (s *Server) measured(next http.Handler) http.Handler {
	known := operationsOf(s.Resources)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := request.InfoFrom(r.Context())
		what := known.labels(info, r)
		if what == nil {
			next.ServeHTTP(w, r)
			return
		}
		answer := &answer{ResponseWriter: w, code: http.StatusOK}
		if info.LongRunning() {
			gauge := longrunning.WithLabelValues(what...)
			gauge.Inc()
			defer gauge.Dec()
		}
		start := time.Now()
		next.ServeHTTP(answer, r)
		took, dry := time.Since(start).Seconds(), dryRun(r)
		if dry == "" && info.Verb != "watch" {
			promised.WithLabelValues(what...).Observe(took)
		}
		what = append(what, dry)
		durations.WithLabelValues(what...).Observe(took)
		requests.WithLabelValues(append(what, strconv.Itoa(answer.code))...).Inc()
	})
}

// operations are the verbs of what is served.
type operations map[operationKey][]string

type operationKey struct{ group, version, resource, subresource string }

func operationsOf(resources []*api.Resource) operations {
	known := operations{}
	for _, r := range resources {
		for _, v := range r.Served() {
			key := operationKey{v.Group, v.Version, r.Plural, ""}
			if known[key] = r.Verbs; r.Verbs == nil {
				known[key] = api.AllVerbs
			}
			for _, sub := range r.Subresources {
				key.subresource = sub.Name
				known[key] = sub.Verbs
			}
		}
	}
	return known
}

// labels returns the values of whatLabels for a request, or nil if it is not counted.
func (o operations) labels(info *request.Info, r *http.Request) []string {
	if !info.IsResource {
		return pathLabels(info)
	}
	if !slices.Contains(o[operationKey{info.APIGroup, info.APIVersion, info.Resource, info.Subresource}], info.Verb) {
		return nil
	}
	ofAll := slices.Contains([]string{"create", "list", "watch", "deletecollection"}, info.Verb)
	if named := len(info.Parts) > 1; info.Subresource == "" && named == ofAll {
		return nil // is no such operation
	}
	verb := strings.ToUpper(info.Verb)
	switch {
	case info.LongRunning() && info.Verb != "watch":
		verb = "CONNECT"
	case info.Verb == "create":
		verb = "POST"
	case info.Verb == "update":
		verb = "PUT"
	case info.Verb == "deletecollection":
		verb = "DELETE"
	case info.Verb == "patch" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch+"):
		verb = "APPLY"
	}
	what := make([]string, 0, len(whatLabels)+2)
	return append(what, verb, info.APIGroup, info.APIVersion, info.Resource, info.Subresource, info.Scope(), "apiserver")
}

// pathLabels are those of the paths without a resource that upstream counts, named as there.
func pathLabels(info *request.Info) []string {
	if info.Verb != "get" {
		return nil
	}
	switch path := info.Path; {
	case path == "/livez", path == "/readyz", path == "/healthz":
		return []string{"GET", "", "", "", path, "", ""}
	case path == "/openapi/v3":
		return []string{"GET", "", "", "", "openapi/v3", "", ""}
	case strings.HasPrefix(path, "/openapi/v3/"):
		return []string{"GET", "", "", "", "openapi/v3/", "", ""}
	case path == "/flagz", path == "/statusz":
		return []string{"GET", "", "", path[1:], "", "", "apiserver"}
	}
	return nil
}

// dryRun is what a request says of it, if that is anything that there is.
func dryRun(r *http.Request) string {
	if !strings.Contains(r.URL.RawQuery, "dryRun") {
		return ""
	}
	switch values := r.URL.Query()["dryRun"]; {
	case len(values) == 0:
		return ""
	case slices.ContainsFunc(values, func(v string) bool { return v != "All" }):
		return "invalid"
	}
	return "All"
}

// answer is a ResponseWriter that remembers the status code.
type answer struct {
	http.ResponseWriter
	code int
}

func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush and Hijack are for those that ask for them by interface.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Hijack hands the connection over.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(a.ResponseWriter).Hijack()
}
