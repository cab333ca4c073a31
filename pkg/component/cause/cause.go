// Package cause carries why a write is made from the event that asked for it to
// the request that makes it.
//
// A cause is a Set of Refs: the objects, each at the resourceVersion at which it
// was seen, that led to a write. A component's duties, in order: on each event
// add the key to a Queue together with the Ref of the object that changed; make
// every request of the sync with the context that the queue hands out; give its
// REST client the RoundTripper of Transport. The request then says in the
// Slowmo-Cause header what woke its sender, and an API server that does not
// know the header ignores it.
//
// A Set holds one Ref an object, the newest seen, and at most Max of them, so a
// header stays small however many events a key has gathered.
package cause

import (
	"context"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// Header is the request header that carries a Set, in the form of Set.String.
const Header = "Slowmo-Cause"

// Max is the number of Refs that a Set keeps. Of more, the newest stay.
const Max = 32

// Ref names one revision of one object.
type Ref struct {
	Resource        string // "deployments.apps", "pods"
	Namespace       string // empty for cluster-scoped objects
	Name            string
	ResourceVersion string
}

// Of is the Ref of an object, which is of the named resource ("pods",
// "deployments.apps").
func Of(obj metav1.Object, resource string) Ref {
	return Ref{Resource: resource, Namespace: obj.GetNamespace(), Name: obj.GetName(), ResourceVersion: obj.GetResourceVersion()}
}

// String returns "deployments.apps/default/hello-node@17", or "nodes/node1@17"
// for a cluster-scoped object.
func (r Ref) String() string {
	name := r.Name
	if r.Namespace != "" {
		name = r.Namespace + "/" + name
	}
	return r.Resource + "/" + name + "@" + r.ResourceVersion
}

// sameObject ignores the revision.
func (r Ref) sameObject(o Ref) bool {
	return r.Resource == o.Resource && r.Namespace == o.Namespace && r.Name == o.Name
}

// Set is the causes of one write, oldest first. The zero value is empty. A Set
// is never changed once made: With returns a new one.
type Set []Ref

// With returns the union of s and more. Of two Refs to one object the newer
// stays.
func (s Set) With(more ...Ref) Set {
	out := slices.Clone(s)
	for _, ref := range more {
		if i := slices.IndexFunc(out, ref.sameObject); i >= 0 {
			if newer(out[i].ResourceVersion, ref.ResourceVersion) {
				ref = out[i]
			}
			out = slices.Delete(out, i, i+1)
		}
		out = append(out, ref)
	}
	if len(out) > Max {
		out = out[len(out)-Max:]
	}
	return out
}

// newer says whether revision a came after b. Revisions that cannot be compared
// count as not newer, so that the last one added wins.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

// String returns the Refs separated by commas: the header's value.
func (s Set) String() string {
	parts := make([]string, len(s))
	for i, ref := range s {
		parts[i] = ref.String()
	}
	return strings.Join(parts, ",")
}

// Parse reads what String wrote. It drops what is not a Ref, and keeps Max at
// most: the header comes from outside.
func Parse(header string) Set {
	var out Set
	for part := range strings.SplitSeq(header, ",") {
		if len(out) == Max {
			break
		}
		if ref, ok := parseRef(strings.TrimSpace(part)); ok {
			out = append(out, ref)
		}
	}
	return out
}

func parseRef(text string) (Ref, bool) {
	object, revision, ok := strings.Cut(text, "@")
	if !ok || revision == "" {
		return Ref{}, false
	}
	switch parts := strings.Split(object, "/"); {
	case slices.Contains(parts, ""):
		return Ref{}, false
	case len(parts) == 2:
		return Ref{Resource: parts[0], Name: parts[1], ResourceVersion: revision}, true
	case len(parts) == 3:
		return Ref{Resource: parts[0], Namespace: parts[1], Name: parts[2], ResourceVersion: revision}, true
	}
	return Ref{}, false
}

type contextKey struct{}

// With returns a context whose requests are caused by refs, beside what ctx
// says already.
func With(ctx context.Context, refs ...Ref) context.Context {
	if len(refs) == 0 {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, From(ctx).With(refs...))
}

// From returns the causes that ctx carries.
func From(ctx context.Context) Set {
	set, _ := ctx.Value(contextKey{}).(Set)
	return set
}

// Transport returns a RoundTripper that adds the header to each request whose
// context carries causes. It is of the form that rest.Config.Wrap takes.
func Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

type transport struct{ next http.RoundTripper }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if set := From(req.Context()); len(set) > 0 {
		req = req.Clone(req.Context())
		req.Header.Set(Header, set.String())
	}
	return t.next.RoundTrip(req)
}

// WrappedRoundTripper lets client-go reach the transport below, as its own
// wrappers do.
func (t transport) WrappedRoundTripper() http.RoundTripper { return t.next }
