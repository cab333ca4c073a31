package apiserver

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/component"
)

var (
	timeBuckets = []float64{.005, .025, .05, .1, .2, .4, .6, .8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60}
	whatLabels  = []string{"verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component"}

	requests = promauto.With(component.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "apiserver_request_total", Help: "Requests answered.",
	}, append(whatLabels[:len(whatLabels):len(whatLabels)], "code"))
	durations = promauto.With(component.Registry).NewHistogramVec(prometheus.HistogramOpts{
		Name: "apiserver_request_duration_seconds", Help: "Time from a request to the end of its answer.",
		Buckets: timeBuckets,
	}, whatLabels)
	etcdDurations = promauto.With(component.Registry).NewHistogramVec(prometheus.HistogramOpts{
		Name: "etcd_request_duration_seconds", Help: "Time that a request to etcd took.", Buckets: timeBuckets,
	}, []string{"operation", "group", "resource"})
	longrunning = promauto.With(component.Registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "apiserver_longrunning_requests", Help: "Watches and connections under way.",
	}, []string{"verb", "group", "version", "resource", "subresource", "scope", "component"})
)

func observeEtcd(operation string, resource schema.GroupResource, took time.Duration) {
	etcdDurations.WithLabelValues(operation, resource.Group, resource.Resource).Observe(took.Seconds())
}

// measured counts and times requests. Watches are counted while they last and
// not timed: how long one lasts is its client's choice.
func (s *Server) measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := request.InfoFrom(r.Context())
		labels := labelsOf(info, r)
		answer := &answer{ResponseWriter: w, code: http.StatusOK}
		if info.LongRunning() {
			gauge := longrunning.WithLabelValues(labels[0], labels[2], labels[3], labels[4], labels[5], labels[6], labels[7])
			gauge.Inc()
			defer gauge.Dec()
			next.ServeHTTP(answer, r)
		} else {
			start := time.Now()
			next.ServeHTTP(answer, r)
			durations.WithLabelValues(labels...).Observe(time.Since(start).Seconds())
		}
		requests.WithLabelValues(append(labels, strconv.Itoa(answer.code))...).Inc()
	})
}

func labelsOf(info *request.Info, r *http.Request) []string {
	verb := info.Verb
	switch verb {
	case "create":
		verb = "POST"
	case "update":
		verb = "PUT"
	default:
		verb = strings.ToUpper(verb)
	}
	dry := r.URL.Query().Get("dryRun")
	return []string{verb, dry, info.APIGroup, info.APIVersion, info.Resource, info.Subresource, info.Scope(), "apiserver"}
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
