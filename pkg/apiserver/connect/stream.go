package connect

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"slowmo/pkg/apiserver/request"
)

// streamNames maps the options of exec and attach to the kubelet's.
var streamNames = [][2]string{{"stdin", "input"}, {"stdout", "output"}, {"stderr", "error"}, {"tty", "tty"}}

// exec serves POST or GET .../pods/NAME/exec?command=...
func (k *connectors) exec(w http.ResponseWriter, r *http.Request) error {
	return k.stream(w, r, "exec")
}

// attach serves POST or GET .../pods/NAME/attach.
func (k *connectors) attach(w http.ResponseWriter, r *http.Request) error {
	return k.stream(w, r, "attach")
}

func (k *connectors) stream(w http.ResponseWriter, r *http.Request, what string) error {
	if err := k.mayCreate(r); err != nil {
		return err
	}
	pod, err := k.streamedPod(r)
	if err != nil {
		return err
	}
	asked := r.URL.Query()
	container, err := containerOf(pod, asked.Get("container"))
	if err != nil {
		return err
	}
	query, err := streamQuery(asked)
	if err != nil {
		return err
	}
	if what == "exec" {
		query["command"] = asked["command"]
	}
	location, err := k.onKubelet(r.Context(), pod, query, what, pod.Namespace, pod.Name, container)
	if err != nil {
		return err
	}
	if wsstream.IsWebSocketRequestWithStreamCloseProtocol(r) {
		return k.translate(w, r, location)
	}
	forward(w, r, location, k.kubelet, true)
	return nil
}

func (k *connectors) streamedPod(r *http.Request) (*corev1.Pod, error) {
	info := request.InfoFrom(r.Context())
	pod, err := k.pod(r.Context(), info.Namespace, info.Name)
	if err != nil {
		return nil, err
	}
	return pod, bound(pod)
}

// streamQuery translates which streams are wanted.
func streamQuery(asked url.Values) (url.Values, error) {
	query := url.Values{}
	for _, name := range streamNames {
		wanted, err := flag(asked, name[0])
		if err != nil {
			return nil, err
		}
		if wanted {
			query.Set(name[1], "1")
		}
	}
	return query, nil
}

// flag reads a boolean of a query; absent is false, present without value true.
func flag(query url.Values, name string) (bool, error) {
	if !query.Has(name) {
		return false, nil
	}
	text := query.Get(name)
	if text == "" {
		return true, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, apierrors.NewBadRequest(fmt.Sprintf("query parameter %s: want true or false, got %q", name, text))
	}
	return value, nil
}

// portForward serves POST or GET .../pods/NAME/portforward.
func (k *connectors) portForward(w http.ResponseWriter, r *http.Request) error {
	if err := k.mayCreate(r); err != nil {
		return err
	}
	pod, err := k.streamedPod(r)
	if err != nil {
		return err
	}
	query := url.Values{}
	if ports := r.URL.Query()["ports"]; len(ports) > 0 {
		query["port"] = ports
	}
	location, err := k.onKubelet(r.Context(), pod, query, "portForward", pod.Namespace, pod.Name)
	if err != nil {
		return err
	}
	if wsstream.IsWebSocketRequestWithTunnelingProtocol(r) {
		return k.tunnel(w, r, location)
	}
	forward(w, r, location, k.kubelet, true)
	return nil
}
