package audit

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/apiserver/request"
)

// event is a line of the log.
//
// https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event
type event struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`

	Level                    Level                      `json:"level"`
	AuditID                  string                     `json:"auditID"`
	Stage                    Stage                      `json:"stage"`
	RequestURI               string                     `json:"requestURI"`
	Verb                     string                     `json:"verb"`
	User                     authenticationv1.UserInfo  `json:"user"`
	ImpersonatedUser         *authenticationv1.UserInfo `json:"impersonatedUser,omitempty"`
	SourceIPs                []string                   `json:"sourceIPs,omitempty"`
	UserAgent                string                     `json:"userAgent,omitempty"`
	ObjectRef                *objectRef                 `json:"objectRef,omitempty"`
	ResponseStatus           *metav1.Status             `json:"responseStatus,omitempty"`
	RequestObject            json.RawMessage            `json:"requestObject,omitempty"`
	ResponseObject           json.RawMessage            `json:"responseObject,omitempty"`
	RequestReceivedTimestamp metav1.MicroTime           `json:"requestReceivedTimestamp"`
	StageTimestamp           metav1.MicroTime           `json:"stageTimestamp"`
	Annotations              map[string]string          `json:"annotations,omitempty"`

	real *request.User // who authenticated, before impersonation
}

type objectRef struct {
	Resource        string    `json:"resource,omitempty"`
	Namespace       string    `json:"namespace,omitempty"`
	Name            string    `json:"name,omitempty"`
	UID             types.UID `json:"uid,omitempty"`
	APIGroup        string    `json:"apiGroup,omitempty"`
	APIVersion      string    `json:"apiVersion,omitempty"`
	ResourceVersion string    `json:"resourceVersion,omitempty"`
	Subresource     string    `json:"subresource,omitempty"`
}

const version = "audit.k8s.io/v1"

// newEvent says what is known when the request arrives.
func newEvent(r *http.Request, state *request.State) event {
	e := event{
		Kind:                     "Event",
		APIVersion:               version,
		AuditID:                  state.AuditID,
		RequestURI:               r.URL.RequestURI(),
		Verb:                     state.Info.Verb,
		User:                     state.User.Info(),
		SourceIPs:                sources(r),
		UserAgent:                agent(r),
		RequestReceivedTimestamp: metav1.NewMicroTime(state.Received),
		real:                     state.User,
	}
	if info := state.Info; info.IsResource {
		e.ObjectRef = &objectRef{
			Resource:    info.Resource,
			Namespace:   info.Namespace,
			Name:        info.Name,
			APIGroup:    info.APIGroup,
			APIVersion:  info.APIVersion,
			Subresource: info.Subresource,
		}
	}
	return e
}

// sources lists the addresses that proxies say they forward for, and the one
// that is connected to us: only the last can be trusted.
func sources(r *http.Request) []string {
	var list []string
	for _, part := range strings.Split(r.Header.Get("X-Forwarded-For"), ",") {
		if ip := net.ParseIP(strings.TrimSpace(part)); ip != nil {
			list = append(list, ip.String())
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err == nil && (len(list) == 0 || list[len(list)-1] != host) {
		list = append(list, host)
	}
	return list
}

// longestAgent bounds what a client can make us write.
const longestAgent = 1024

func agent(r *http.Request) string {
	name := r.UserAgent()
	if len(name) > longestAgent {
		return name[:longestAgent] + "...TRUNCATED"
	}
	return name
}

// withoutManaged takes the managedFields out of an object and out of a list's items.
func withoutManaged(data []byte) []byte {
	var object map[string]any
	if json.Unmarshal(data, &object) != nil {
		return data // nothing that could have any
	}
	items, _ := object["items"].([]any)
	for _, each := range append(items, object) {
		if fields, ok := each.(map[string]any); ok {
			if meta, ok := fields["metadata"].(map[string]any); ok {
				delete(meta, "managedFields")
			}
		}
	}
	out, err := json.Marshal(object)
	if err != nil {
		return data
	}
	return out
}
