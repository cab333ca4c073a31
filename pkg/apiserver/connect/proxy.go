package connect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/core"
	"slowmo/pkg/api/discovery"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// nodeProxy serves .../nodes/[SCHEME:]NAME[:PORT]/proxy/PATH: the kubelet's own
// pages, unless another port is named.
func (k *connectors) nodeProxy(w http.ResponseWriter, r *http.Request) error {
	scheme, name, port, ok := utilnet.SplitSchemeNamePort(request.InfoFrom(r.Context()).Name)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid node request %q", request.InfoFrom(r.Context()).Name))
	}
	kubelet, err := k.kubeletOf(r.Context(), name)
	if err != nil {
		return err
	}
	host, kubeletPort, err := net.SplitHostPort(kubelet)
	if err != nil {
		return err
	}
	if port == "" || port == kubeletPort {
		return k.proxyTo(w, r, "https", kubelet, k.kubelet)
	}
	if err := proxyable(host); err != nil {
		return err
	}
	return k.proxyTo(w, r, scheme, net.JoinHostPort(host, port), k.other)
}

// podProxy serves .../pods/[SCHEME:]NAME[:PORT]/proxy/PATH: the first port of
// the pod, unless another is named.
func (k *connectors) podProxy(w http.ResponseWriter, r *http.Request) error {
	info := request.InfoFrom(r.Context())
	scheme, name, port, ok := utilnet.SplitSchemeNamePort(info.Name)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid pod request %q", info.Name))
	}
	pod, err := k.pod(r.Context(), info.Namespace, name)
	if err != nil {
		return err
	}
	if port == "" {
		port = firstPort(pod)
	}
	host := pod.Status.PodIP
	if host == "" {
		return apierrors.NewBadRequest(errAddress.Error())
	}
	if err := proxyable(host); err != nil {
		return err
	}
	if port != "" {
		host = net.JoinHostPort(host, port)
	}
	return k.proxyTo(w, r, scheme, host, k.other)
}

func firstPort(pod *corev1.Pod) string {
	for i := range pod.Spec.Containers {
		if ports := pod.Spec.Containers[i].Ports; len(ports) > 0 {
			return strconv.Itoa(int(ports[0].ContainerPort))
		}
	}
	return ""
}

// serviceProxy serves .../services/[SCHEME:]NAME[:PORT]/proxy/PATH: one of the
// endpoints that are ready.
func (k *connectors) serviceProxy(w http.ResponseWriter, r *http.Request) error {
	info := request.InfoFrom(r.Context())
	scheme, name, port, ok := utilnet.SplitSchemeNamePort(info.Name)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid service request %q", info.Name))
	}
	port, err := k.portName(r.Context(), info.Namespace, name, port)
	if err != nil {
		return err
	}
	host, err := k.endpoint(r.Context(), info.Namespace, name, port)
	if err != nil {
		return err
	}
	return k.proxyTo(w, r, scheme, host, k.other)
}

// portName returns the name of the port that a request means, which is what
// endpoints know it by.
func (k *connectors) portName(ctx context.Context, namespace, name, asked string) (string, error) {
	number, err := strconv.ParseInt(asked, 10, 64)
	if err != nil {
		return asked, nil
	}
	service, err := find[*corev1.Service](ctx, k.Store, core.Service, namespace, name)
	if err != nil {
		return "", err
	}
	for _, port := range service.Spec.Ports {
		if int64(port.Port) == number {
			return port.Name, nil
		}
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no service port %d found for service %q", number, name))
}

// endpoint picks a ready endpoint of the service at random.
func (k *connectors) endpoint(ctx context.Context, namespace, name, port string) (string, error) {
	page, err := k.Store.Collection(discovery.EndpointSlice).List(ctx, storage.ListOptions{
		Namespace: namespace,
		Predicate: storage.Predicate{Label: labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: name})},
	})
	if err != nil {
		return "", err
	}
	var hosts []string
	for _, record := range page.Records {
		obj, err := record.Object()
		if err != nil {
			return "", err
		}
		hosts = append(hosts, k.readyHosts(ctx, obj.(*discoveryv1.EndpointSlice), port)...)
	}
	if len(hosts) == 0 {
		return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", name))
	}
	return hosts[rand.IntN(len(hosts))], nil
}

func (k *connectors) readyHosts(ctx context.Context, slice *discoveryv1.EndpointSlice, name string) []string {
	var hosts []string
	for _, port := range slice.Ports {
		if ptr.Deref(port.Name, "") != name || port.Port == nil {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			if ptr.Deref(endpoint.Conditions.Ready, true) && len(endpoint.Addresses) > 0 && k.isPods(ctx, slice.Namespace, endpoint) {
				hosts = append(hosts, net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(int(*port.Port))))
			}
		}
	}
	return hosts
}

// isPods says whether an endpoint is the pod that it claims to be. Whoever may write
// slices must not make the server connect to wherever they like.
func (k *connectors) isPods(ctx context.Context, namespace string, endpoint discoveryv1.Endpoint) bool {
	target := endpoint.TargetRef
	if target == nil || target.Namespace != namespace || proxyable(endpoint.Addresses[0]) != nil {
		return false
	}
	pod, err := k.pod(ctx, namespace, target.Name)
	return err == nil && slices.Contains(pod.Status.PodIPs, corev1.PodIP{IP: endpoint.Addresses[0]})
}

// proxyable refuses addresses behind which the server itself, or its host's
// metadata service, would answer.
func proxyable(host string) error {
	ip := net.ParseIP(host)
	if ip == nil {
		return nil // a name; it comes from a node's status
	}
	if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast() || ip.IsUnspecified() {
		return apierrors.NewBadRequest(errAddress.Error())
	}
	return nil
}

// refuseOurs is proxyable for the address that is dialled in the end.
func refuseOurs(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	return proxyable(host)
}

var errAddress = errors.New("address not allowed")

// proxyTo forwards the path behind "proxy". Links in pages that come back are
// turned so that they lead through the proxy again.
func (k *connectors) proxyTo(w http.ResponseWriter, r *http.Request, scheme, host string, t *http.Transport) error {
	if scheme == "" {
		scheme = "http"
	}
	if _, err := url.Parse(scheme + "://" + host); err != nil { // a port that is none
		return apierrors.NewServiceUnavailable("error trying to reach service: " + err.Error())
	}
	path, before := splitPath(r.URL.Path, request.InfoFrom(r.Context()))
	h := proxy.NewUpgradeAwareHandler(&url.URL{Scheme: scheme, Host: host, Path: path}, nil, false, false, responder{})
	h.Transport = &proxy.Transport{Scheme: "https", Host: r.Host, PathPrepend: before, RoundTripper: t}
	h.UpgradeTransport = proxy.NewUpgradeRequestRoundTripper(t, proxy.MirrorRequest)
	h.UseLocationHost = true
	h.ServeHTTP(w, r)
	return nil
}

// splitPath returns the path for the backend and the part of ours before it.
func splitPath(path string, info *request.Info) (behind, before string) {
	_, rest, found := strings.Cut(path, "/"+info.Resource+"/"+info.Name+"/proxy")
	if !found {
		return "", path
	}
	return rest, strings.TrimSuffix(path, rest)
}
