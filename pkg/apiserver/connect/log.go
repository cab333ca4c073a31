package connect

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/apiserver/request"
)

// maxProblem bounds what is read of a kubelet's complaint.
const maxProblem = 100 << 10

// log serves GET .../pods/NAME/log.
func (k *connectors) log(w http.ResponseWriter, r *http.Request) error {
	info := request.InfoFrom(r.Context())
	asked := r.URL.Query()
	query, err := logQuery(asked, info.Name)
	if err != nil {
		return err
	}
	pod, err := k.pod(r.Context(), info.Namespace, info.Name)
	if err != nil {
		return err
	}
	container, err := containerOf(pod, asked.Get("container"))
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		w.WriteHeader(http.StatusNoContent) // it has not run
		return nil
	}
	location, err := k.onKubelet(r.Context(), pod, query, "containerLogs", pod.Namespace, pod.Name, container)
	if err != nil {
		return err
	}
	return k.copyLog(w, r, location, query.Has("follow"))
}

func (k *connectors) copyLog(w http.ResponseWriter, r *http.Request, location *url.URL, follow bool) error {
	asked, err := http.NewRequestWithContext(r.Context(), http.MethodGet, location.String(), nil)
	if err != nil {
		return err
	}
	answer, err := k.kubelet.RoundTrip(asked)
	if err != nil {
		return &url.Error{Op: "Get", URL: location.String(), Err: err}
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return complaint(answer, request.InfoFrom(r.Context()).Name)
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	var out io.Writer = w
	if follow {
		out = flushing{w, http.NewResponseController(w)}
		_ = http.NewResponseController(w).Flush() // the client sees that it is connected
	}
	// The header is out: all that is left to say of an error is to end early.
	if _, err := io.Copy(out, answer.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// flushing sends each line as it comes.
type flushing struct {
	io.Writer
	controller *http.ResponseController
}

func (f flushing) Write(data []byte) (int, error) {
	n, err := f.Writer.Write(data)
	return n, errors.Join(err, f.controller.Flush())
}

// complaint turns a kubelet's refusal into the Status that kube-apiserver makes of it.
func complaint(answer *http.Response, pod string) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	text := strings.TrimSuffix(string(body), "\n")
	switch answer.StatusCode {
	case http.StatusInternalServerError:
		return apierrors.NewInternalError(errors.New(text))
	case http.StatusBadRequest:
		return apierrors.NewBadRequest(text)
	}
	return apierrors.NewGenericServerResponse(answer.StatusCode, http.MethodGet, schema.GroupResource{Resource: "pods"}, pod, text, 0, false)
}

// logQuery checks the options and writes them as the kubelet reads them.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#read-read-log-of-the-specified-pod
func logQuery(asked url.Values, pod string) (url.Values, error) {
	query := url.Values{}
	for _, name := range []string{"follow", "previous", "timestamps"} {
		if flag(asked, name) {
			query.Set(name, "true")
		}
	}
	var problems field.ErrorList
	for _, option := range []struct {
		name  string
		least int64
	}{{"tailLines", 0}, {"limitBytes", 1}, {"sinceSeconds", 1}} {
		name, least := option.name, option.least
		if asked.Get(name) == "" {
			continue
		}
		value, err := strconv.ParseInt(asked.Get(name), 10, 64)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		if value < least && (name != "sinceSeconds" || asked.Get("sinceTime") == "") {
			problems = append(problems, tooSmall(name, value, least))
		}
		query.Set(name, strconv.FormatInt(value, 10))
	}
	if since := asked.Get("sinceTime"); since != "" {
		if _, err := time.Parse(time.RFC3339, since); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		if query.Has("sinceSeconds") {
			problems = append(problems, field.Forbidden(field.NewPath(""), "at most one of `sinceTime` or `sinceSeconds` may be specified"))
		}
		query.Set("sinceTime", since)
	}
	if asked.Has("stream") { // its feature gate is off
		problems = append(problems, field.Forbidden(field.NewPath("stream"), "may not be specified"))
	}
	if len(problems) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Kind: "PodLogOptions"}, pod, problems)
	}
	return query, nil
}

func tooSmall(name string, value, least int64) *field.Error {
	text := "must be greater than 0"
	if least == 0 {
		text = "must be greater than or equal to 0"
	}
	return field.Invalid(field.NewPath(name), value, text)
}
