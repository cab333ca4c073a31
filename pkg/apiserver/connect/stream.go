package connect

import (
	"net/http"
	"net/url"
	"strings"

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
	info, asked := request.InfoFrom(r.Context()), r.URL.Query()
	pod, err := k.pod(r.Context(), info.Namespace, info.Name)
	if err != nil {
		return err
	}
	container, err := containerOf(pod, asked.Get("container"))
	if err != nil {
		return err
	}
	if err := bound(pod); err != nil {
		return err
	}
	query := streamQuery(asked)
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

// streamQuery translates which streams are wanted.
func streamQuery(asked url.Values) url.Values {
	query := url.Values{}
	for _, name := range streamNames {
		if flag(asked, name[0]) {
			query.Set(name[1], "1")
		}
	}
	return query
}

// flag reads a boolean of a query: whatever is there and not false is true.
func flag(query url.Values, name string) bool {
	if !query.Has(name) {
		return false
	}
	text := strings.ToLower(query.Get(name))
	return text != "false" && text != "0"
}

// portForward serves POST or GET .../pods/NAME/portforward.
func (k *connectors) portForward(w http.ResponseWriter, r *http.Request) error {
	if err := k.mayCreate(r); err != nil {
		return err
	}
	info := request.InfoFrom(r.Context())
	pod, err := k.pod(r.Context(), info.Namespace, info.Name)
	if err != nil {
		return err
	}
	if err := bound(pod); err != nil {
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
