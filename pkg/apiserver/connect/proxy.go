package connect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
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
	if err := proxyable(pod.Status.PodIP); err != nil {
		return err
	}
	host := pod.Status.PodIP
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
	service, err := find[*corev1.Service](r.Context(), k.Store, core.Service, info.Namespace, name)
	if err != nil {
		return err
	}
	portName, err := portOf(service, port)
	if err != nil {
		return err
	}
	host, err := k.endpoint(r.Context(), service, portName)
	if err != nil {
		return err
	}
	return k.proxyTo(w, r, scheme, host, k.other)
}

// portOf returns the name of the port that a request means, which is what
// endpoints know it by: the only port has none.
func portOf(service *corev1.Service, asked string) (string, error) {
	for _, port := range service.Spec.Ports {
		if asked == "" && len(service.Spec.Ports) == 1 || asked == port.Name || asked == strconv.Itoa(int(port.Port)) {
			return port.Name, nil
		}
	}
	if asked == "" {
		return "", nil
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no service port %q found for service %q", asked, service.Name))
}

// endpoint picks a ready endpoint of the service at random.
func (k *connectors) endpoint(ctx context.Context, service *corev1.Service, port string) (string, error) {
	page, err := k.Store.Collection(discovery.EndpointSlice).List(ctx, storage.ListOptions{
		Namespace: service.Namespace,
		Predicate: storage.Predicate{Label: labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service.Name})},
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
		hosts = append(hosts, readyHosts(obj.(*discoveryv1.EndpointSlice), port)...)
	}
	if len(hosts) == 0 {
		return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", service.Name))
	}
	return hosts[rand.IntN(len(hosts))], nil
}

func readyHosts(slice *discoveryv1.EndpointSlice, name string) []string {
	var hosts []string
	for _, port := range slice.Ports {
		if ptr.Deref(port.Name, "") != name || port.Port == nil {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			if ptr.Deref(endpoint.Conditions.Ready, true) && len(endpoint.Addresses) > 0 && proxyable(endpoint.Addresses[0]) == nil {
				hosts = append(hosts, net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(int(*port.Port))))
			}
		}
	}
	return hosts
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
	if host == "" {
		return apierrors.NewBadRequest(errAddress.Error())
	}
	if scheme == "" {
		scheme = "http"
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
