// Package server answers what others ask a kubelet: the API server for kubectl
// logs, exec, attach and port-forward, and those who measure.
//
// Routes adds its handlers to the component's HTTPS server, which has found out
// who asks and whether they may (see Attributes): nodes/proxy for all but
// /metrics (nodes/metrics), /stats (nodes/stats) and /logs (nodes/log).
//
// Exec, attach and port-forward are the container runtime's work: the kubelet
// asks it for a URL and passes its client on to there, byte by byte. So clients
// speak what the runtime does: SPDY, or WebSocket up to v4.channel.k8s.io. An API
// server translates for its own clients, unless a Node declares that its kubelet
// can (ExtendWebSocketsToKubelet), which ours does not.
//
// https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	authorizationv1 "k8s.io/api/authorization/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/component"
	"slowmo/pkg/kubelet/cri"
)

// Server has the handlers. Its fields are set before Routes is called.
type Server struct {
	NodeName string
	Pods     Pods
	Runtime  cri.Runtime
	RootDir  string              // on the file system that pods write to
	Probes   prometheus.Gatherer // of /metrics/probes
}

// Pods are the node's; *pods.Manager is the real kind.
type Pods interface {
	// Show returns all, with their statuses as the kubelet sees them.
	Show() []*v1.Pod
	// Find returns the one of that name, and uid unless it is empty, or nil.
	Find(namespace, name string, uid types.UID) *v1.Pod
	// WaitExited returns when a container has ended and its log is complete.
	WaitExited(ctx context.Context, id string) error
}

// Handler is where routes are added: component.Serving.
type Handler interface {
	Handle(pattern string, handler http.Handler)
}

// Routes adds all routes to h.
func (s *Server) Routes(h Handler) {
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /pods": s.pods, "GET /pods/{$}": s.pods,
		"GET /containerLogs/{namespace}/{pod}/{container}": s.logs,
		"/exec/{namespace}/{pod}/{container}":              s.exec,
		"/exec/{namespace}/{pod}/{uid}/{container}":        s.exec,
		"/attach/{namespace}/{pod}/{container}":            s.attach,
		"/attach/{namespace}/{pod}/{uid}/{container}":      s.attach,
		"/portForward/{namespace}/{pod}":                   s.portForward,
		"/portForward/{namespace}/{pod}/{uid}":             s.portForward,
		"POST /run/{namespace}/{pod}/{container}":          s.runCommand,
		"GET /stats/summary":                               s.summary,
		"GET /metrics/resource":                            s.resourceMetrics,
		"GET /metrics/probes":                              promhttp.HandlerFor(s.Probes, promhttp.HandlerOpts{}).ServeHTTP,
	} {
		h.Handle(pattern, handler)
	}
}

// Attributes are what a request is about, for the question whether its client may.
func Attributes(nodeName string) func(*http.Request) component.Attributes {
	verbs := map[string]string{
		http.MethodGet: "get", http.MethodHead: "get", http.MethodPost: "create",
		http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}
	return func(r *http.Request) component.Attributes {
		subresource := "proxy"
		for prefix, name := range map[string]string{"/stats": "stats", "/metrics": "metrics", "/logs": "log"} {
			if r.URL.Path == prefix || strings.HasPrefix(r.URL.Path, prefix+"/") {
				subresource = name
			}
		}
		return component.Attributes{Resource: &authorizationv1.ResourceAttributes{
			Verb: verbs[r.Method], Version: "v1", Resource: "nodes", Subresource: subresource, Name: nodeName,
		}}
	}
}

// pods lists the node's pods with the statuses as the kubelet sees them.
func (s *Server) pods(w http.ResponseWriter, _ *http.Request) {
	list := v1.PodList{}
	list.Kind, list.APIVersion = "PodList", "v1"
	for _, pod := range s.Pods.Show() {
		list.Items = append(list.Items, *pod)
	}
	writeJSON(w, &list)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		slog.Debug("answer not written", "err", err)
	}
}

// find is the pod that a request names; it answers 404 itself if there is none.
func (s *Server) find(w http.ResponseWriter, r *http.Request) *v1.Pod {
	namespace, name := r.PathValue("namespace"), r.PathValue("pod")
	pod := s.Pods.Find(namespace, name, types.UID(r.PathValue("uid")))
	if pod == nil {
		http.Error(w, fmt.Sprintf("pod %q not found in namespace %q", name, namespace), http.StatusNotFound)
	}
	return pod
}

// container is the running container that a request names; it answers itself if
// there is none.
func (s *Server) container(w http.ResponseWriter, r *http.Request) *cri.Container {
	pod := s.find(w, r)
	if pod == nil {
		return nil
	}
	name := r.PathValue("container")
	runtime, err := cri.ReadPod(r.Context(), s.Runtime, pod.UID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil
	}
	c := runtime.Container(name)
	if c == nil || !c.Running() {
		http.Error(w, fmt.Sprintf("container not found (%q)", name), http.StatusNotFound)
		return nil
	}
	return c
}
