package wire

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/munnerz/goautoneg"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Media is what an answer will look like.
type Media struct {
	Type   string // runtime.ContentTypeJSON, ...YAML, ...Protobuf or ...CBOR
	Pretty bool   // JSON indented for people
	Suffix string // what the Content-Type says beside Type: of a document of several forms

	// As is what the client wants to see instead of the object: a Table or
	// PartialObjectMetadata(List) of meta.k8s.io. Zero means the object itself.
	As schema.GroupVersionKind
}

// JSON is what errors fall back to.
var JSON = Media{Type: runtime.ContentTypeJSON}

// Offer is what an endpoint can answer with.
type Offer int

const (
	Plain   Offer = iota // the object itself only
	Shapes               // Table and PartialObjectMetadata too
	Streams              // as Shapes, in media types that can be framed
)

// What is offered, in order of preference. CBOR is spoken to those who ask for
// it and named to nobody, as its feature gate is off upstream.
var (
	offered  = []string{runtime.ContentTypeJSON, runtime.ContentTypeYAML, runtime.ContentTypeProtobuf, runtime.ContentTypeCBOR}
	streamed = []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf, runtime.ContentTypeCBOR}
)

// named are the offered types that errors list.
func named(types []string) []string { return types[:len(types)-1] }

// Negotiate picks the best media type that the request accepts, or returns a
// 406 Status.
func Negotiate(r *http.Request, offer Offer) (Media, error) {
	types := offered
	if offer == Streams {
		types = streamed
	}
	header := r.Header.Get("Accept")
	if header == "" {
		return Media{Type: types[0], Pretty: pretty(r)}, nil
	}
	refused := offer
	for _, clause := range goautoneg.ParseAccept(header) {
		for _, candidate := range types {
			main, sub, _ := strings.Cut(candidate, "/")
			if !matches(clause.Type, main) || !matches(clause.SubType, sub) {
				continue
			}
			if media, ok := withParams(candidate, clause.Params, offer); ok {
				media.Pretty = media.Pretty || pretty(r)
				return media, nil
			}
			if clause.Params["as"] != "" {
				refused = Plain // upstream finds out only when it has the object
			}
		}
	}
	return Media{}, notAcceptable(refused)
}

// CheckAccept refuses a request of which no clause names, letter for letter, a media
// type of the route, as upstream's router does before anything else; that application/*
// could be served does not count. The routes of collections name those of watches too.
func CheckAccept(r *http.Request, collection bool) error {
	header := r.Header.Get("Accept")
	if header == "" {
		return nil
	}
	for clause := range strings.SplitSeq(header, ",") {
		mediaType, _, _ := strings.Cut(clause, ";")
		if mediaType = strings.TrimSpace(mediaType); mediaType == "*/*" || slices.Contains(offered, mediaType) {
			return nil
		}
	}
	text := "406: Not Acceptable\n\nAvailable representations: " + strings.Join(named(offered), ", ")
	if collection {
		text += ", " + streamTypes()
	}
	return generic(http.StatusNotAcceptable, text)
}

func streamTypes() string { return strings.Join(named(streamed), ";stream=watch, ") + ";stream=watch" }

func matches(pattern, value string) bool { return pattern == "*" || pattern == value }

// withParams reads a clause's parameters. It is false when the candidate
// cannot do what they ask for; unknown parameters ask for nothing.
func withParams(mediaType string, params map[string]string, offer Offer) (Media, bool) {
	media := Media{Type: mediaType, Pretty: params["pretty"] == "1"}
	if stream := params["stream"]; stream != "" && (stream != "watch" || offer == Plain) {
		return media, false
	}
	if params["as"] == "" {
		return media, true
	}
	media.As = schema.GroupVersionKind{Group: params["g"], Version: params["v"], Kind: params["as"]}
	if offer == Plain || media.As.Group != metav1.GroupName || media.As.Version != "v1" && media.As.Version != "v1beta1" {
		return media, false
	}
	switch media.As.Kind {
	case "Table":
		return media, mediaType != runtime.ContentTypeProtobuf
	case "PartialObjectMetadata", "PartialObjectMetadataList":
		return media, true
	}
	return media, false
}

// pretty says whether a person reads the answer: asked for, or a tool of hands.
func pretty(r *http.Request) bool {
	if value := r.URL.Query().Get("pretty"); value != "" {
		asked, err := strconv.ParseBool(value)
		return err == nil && asked
	}
	agent := r.UserAgent()
	return strings.HasPrefix(agent, "curl") || strings.HasPrefix(agent, "Wget") || strings.HasPrefix(agent, "Mozilla/5.0")
}

func notAcceptable(offer Offer) error {
	accepted := strings.Join(named(offered), ", ")
	if offer == Streams {
		accepted = streamTypes()
	}
	return unacceptable("only the following media types are accepted: " + accepted)
}

func unacceptable(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusNotAcceptable,
		Reason:  metav1.StatusReasonNotAcceptable,
		Message: message,
	}}
}

func unsupportedMedia() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusUnsupportedMediaType,
		Reason:  metav1.StatusReasonUnsupportedMediaType,
		Message: "the body of the request was in an unknown format - accepted media types include: " + strings.Join(named(offered), ", "),
	}}
}
