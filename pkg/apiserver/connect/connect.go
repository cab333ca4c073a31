// Package connect serves the subresources that are connections: a pod's log,
// exec, attach, portforward, and the proxies to nodes, pods and services.
//
// The server holds no state of a connection. It finds out where the pod runs, opens
// a connection to that node's kubelet with a client certificate of its own, asks
// it for the same thing and then copies bytes both ways until one side ends:
//
//	client --(SPDY or websocket over TLS)--> server --(the same)--> kubelet
//
// Two protocols of newer clients are translated to SPDY on the way, as kube-apiserver
// does, since not every kubelet and runtime knows them: websocket sessions of
// exec and attach (websocket.go) and SPDY inside of websockets (tunnel.go).
//
// Requests arrive here authenticated, authorized and admitted. The kubelet is
// asked as the server, not as the client: that the client may have what it asks
// for has been decided here. A kubelet cannot redirect a request elsewhere.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/proxy"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// Config is what the connectors need.
type Config struct {
	Store      *storage.Store
	Authorizer request.Authorizer

	// KubeletClient is the certificate that the server shows to kubelets.
	KubeletClient tls.Certificate
	// KubeletCA verifies the kubelets' serving certificates
	// (--kubelet-certificate-authority). Nil accepts any, as kube-apiserver
	// does by default: kubelets without one sign their own.
	KubeletCA *x509.CertPool
}

// connectors are the handlers' common ground.
type connectors struct {
	Config
	kubelet *http.Transport // to kubelets, with the client certificate
	other   *http.Transport // to what else a proxy leads to, without
}

// New returns the handlers by the names of their subresources ("pods/log").
func New(c Config) map[string]http.Handler {
	k := &connectors{
		Config: c,
		kubelet: transport(&tls.Config{
			MinVersion:         tls.VersionTLS12,
			Certificates:       []tls.Certificate{c.KubeletClient},
			RootCAs:            c.KubeletCA,
			InsecureSkipVerify: c.KubeletCA == nil,
		}, nil),
		// A pod's certificate is good for no name that the server knows it by.
		other: transport(&tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}, refuseOurs),
	}
	return map[string]http.Handler{
		"pods/log":         handler(k.log),
		"pods/exec":        handler(k.exec),
		"pods/attach":      handler(k.attach),
		"pods/portforward": handler(k.portForward),
		"pods/proxy":       handler(k.podProxy),
		"services/proxy":   handler(k.serviceProxy),
		"nodes/proxy":      handler(k.nodeProxy),
	}
}

// transport speaks HTTP/1.1: only that can be upgraded. check has the last word on
// an address before it is dialled, whatever was decided by its name; it may be nil.
func transport(config *tls.Config, check func(network, address string, _ syscall.RawConn) error) *http.Transport {
	return &http.Transport{
		TLSClientConfig:     config,
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Control: check}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 25,
		IdleConnTimeout:     90 * time.Second,
	}
}

// handler is a handler that may fail before it has answered.
type handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP writes the error, if there is one.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		wire.Error(w, r, err)
	}
}

// responder lets the proxy answer as everything else does.
type responder struct{}

func (responder) Error(w http.ResponseWriter, r *http.Request, err error) { wire.Error(w, r, err) }

// forward hands the request to what is at location, upgrades included.
func forward(w http.ResponseWriter, r *http.Request, location *url.URL, t *http.Transport, upgradeRequired bool) {
	h := proxy.NewUpgradeAwareHandler(location, t, false, upgradeRequired, responder{})
	h.UseLocationHost = true
	h.RejectForwardingRedirects = true
	h.ServeHTTP(w, r)
}

// mayCreate checks that a client which upgrades a GET may also POST: opening
// a stream into a container is no read, whatever the method that websockets demand.
func (k *connectors) mayCreate(r *http.Request) error {
	info := request.InfoFrom(r.Context())
	if info.Verb == "create" {
		return nil
	}
	create := *info
	create.Verb = "create"
	question := &request.Authorization{User: request.UserFrom(r.Context()), Info: &create}
	decision, reason, err := k.Authorizer.Authorize(r.Context(), question)
	if decision == request.Allow {
		return nil
	}
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	return authz.Forbidden(question, reason)
}

// find reads an object from the cache, at least as new as the request.
func find[T api.Object](ctx context.Context, store *storage.Store, r *api.Resource, namespace, name string) (T, error) {
	var none T
	record, err := store.Collection(r).Get(ctx, namespace, name, storage.Consistent)
	if errors.Is(err, storage.ErrNotFound) {
		return none, apierrors.NewNotFound(r.GroupResource(), name)
	}
	if err != nil {
		return none, err
	}
	obj, err := record.Object()
	if err != nil {
		return none, err
	}
	return obj.(T), nil
}
