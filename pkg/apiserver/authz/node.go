package authz

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/fields"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/follow"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// Node is the authorizer of kubelets: what their role allows to all of them,
// narrowed to the pods that are bound to each one (graph.go) and to the volumes
// and devices of those (nodevolumes.go).
//
// https://kubernetes.io/docs/reference/access-authn-authz/node/
type Node struct {
	graph *graph
	store *storage.Store
	rules []rbacv1.PolicyRule
	follow.Follower
}

// NewNode returns a Node authorizer that knows all pods of the store; it
// follows their changes while Run runs. rules are those of ClusterRole system:node.
func NewNode(ctx context.Context, store *storage.Store, rules []rbacv1.PolicyRule) (*Node, error) {
	g := newGraph()
	n := &Node{graph: g, store: store, rules: rules, Follower: follow.New(store.Collection(core.Pod), g.set)}
	return n, n.Load(ctx)
}

// Authorize has an opinion on users called system:node:NAME in group system:nodes.
func (n *Node) Authorize(ctx context.Context, a *request.Authorization) (request.Decision, string, error) {
	if !IsNode(a.User) {
		return request.NoOpinion, "", nil
	}
	name, isNode := NodeName(a.User)
	if !isNode {
		return request.NoOpinion, fmt.Sprintf("node: unknown node for user %q", a.User.Name), nil
	}
	reason, ok := n.decide(ctx, name, a.Info)
	if ok {
		return request.Allow, "", nil
	}
	if reason != "" {
		reason = "node: " + reason
	}
	return request.NoOpinion, reason, nil
}

// IsNode says whether the user is a kubelet, with a good name or not.
func IsNode(user *request.User) bool {
	return strings.HasPrefix(user.Name, request.NodeUserPrefix) && user.In(request.GroupNodes)
}

// NodeName returns the name of the node whose kubelet the user is.
func NodeName(user *request.User) (string, bool) {
	name, found := strings.CutPrefix(user.Name, request.NodeUserPrefix)
	return name, found && name != "" && user.In(request.GroupNodes)
}

func (n *Node) decide(ctx context.Context, node string, info *request.Info) (reason string, ok bool) {
	if !info.IsResource {
		return "", allows(n.rules, info)
	}
	switch info.APIGroup + "/" + info.Resource {
	case "/secrets", "/configmaps":
		return n.readRelated(ctx, node, info)
	case "/persistentvolumeclaims":
		if info.Subresource == "status" {
			return n.claimStatus(ctx, node, info)
		}
		return n.getRelated(ctx, node, info)
	case "/persistentvolumes", "storage.k8s.io/volumeattachments", "resource.k8s.io/resourceclaims":
		return n.getRelated(ctx, node, info)
	case "/serviceaccounts":
		return n.serviceAccount(ctx, node, info)
	case "/pods":
		return n.pod(ctx, node, info)
	case "/nodes":
		return ownNode(node, info, n.rules)
	case "coordination.k8s.io/leases":
		return ownLease(node, info)
	case "storage.k8s.io/csinodes":
		return ownCSINode(node, info)
	case "resource.k8s.io/resourceslices":
		return n.resourceSlice(ctx, node, info)
	case "certificates.k8s.io/podcertificaterequests":
		return n.podCertificate(ctx, node, info)
	}
	return "", allows(n.rules, info)
}

// readRelated allows to get, list and watch a single object that one of the
// node's pods uses.
func (n *Node) readRelated(ctx context.Context, node string, info *request.Info) (string, bool) {
	switch {
	case !reads(info):
		return "can only read resources of this type", false
	case info.Subresource != "":
		return "cannot read subresource", false
	case info.Namespace == "":
		return "can only read namespaced object of this type", false
	}
	return n.related(ctx, node, info)
}

func (n *Node) getRelated(ctx context.Context, node string, info *request.Info) (string, bool) {
	switch {
	case info.Verb != "get":
		return "can only get individual resources of this type", false
	case info.Subresource != "":
		return "cannot get subresource", false
	}
	return n.related(ctx, node, info)
}

func (n *Node) related(ctx context.Context, node string, info *request.Info) (string, bool) {
	name := objectName(info)
	if name == "" {
		return "No Object name found", false
	}
	if !n.reaches(ctx, node, use{info.Resource, info.Namespace, name}) {
		return unrelated(node), false
	}
	return "", true
}

// reaches says whether something bound to the node needs the object.
func (n *Node) reaches(ctx context.Context, node string, u use) bool {
	switch u.resource {
	case "persistentvolumes":
		return n.reachesVolume(ctx, node, u.name)
	case "volumeattachments":
		return n.attachedTo(ctx, u.name) == node
	}
	return n.graph.uses(node, u) || n.usesNow(ctx, node, u) || u.resource == "secrets" && n.reachesVolumeSecret(ctx, node, u)
}

// usesNow looks at the node's pods in the cache itself: a kubelet that has just been
// told of a pod may ask for what it needs before the graph has heard of it.
func (n *Node) usesNow(ctx context.Context, node string, u use) bool {
	page, err := n.store.Collection(core.Pod).List(ctx, storage.ListOptions{
		Namespace: u.namespace,
		Predicate: storage.Predicate{Field: fields.OneTermEqualSelector("spec.nodeName", node)},
		Match:     storage.MatchAny,
	})
	if err != nil {
		return false
	}
	for _, record := range page.Records {
		obj, err := record.Object()
		if err != nil {
			return false
		}
		if _, there := usesOf(obj.(*corev1.Pod))[u]; there {
			return true
		}
	}
	return false
}

// serviceAccount allows the node's pods' service accounts to be read and
// tokens to be made for them. NodeRestriction sees to it that the tokens are
// bound to pods of the node.
func (n *Node) serviceAccount(ctx context.Context, node string, info *request.Info) (string, bool) {
	switch {
	case info.Verb == "get" && info.Subresource == "":
		return n.related(ctx, node, info)
	case info.Verb != "create" || info.Name == "":
		return "can only create tokens for individual service accounts", false
	case info.Subresource != "token":
		return "can only create token subresource of serviceaccount", false
	}
	return n.related(ctx, node, info)
}

func (n *Node) pod(ctx context.Context, node string, info *request.Info) (string, bool) {
	if info.Subresource != "" || !reads(info) {
		return "", allows(n.rules, info)
	}
	if info.Verb == "get" {
		return n.related(ctx, node, info)
	}
	if bound, _ := selected(info, "spec.nodeName"); bound == node {
		return "", true
	}
	return "can only list/watch pods with spec.nodeName field selector", false
}

func reads(info *request.Info) bool {
	return info.Verb == "get" || info.Verb == "list" || info.Verb == "watch"
}

func ownNode(node string, info *request.Info, rules []rbacv1.PolicyRule) (string, bool) {
	if info.Subresource != "" || !reads(info) {
		return "", allows(rules, info)
	}
	switch name := objectName(info); name {
	case node:
		return "", true
	case "":
		return fmt.Sprintf("node '%s' cannot read all nodes, only its own Node object", node), false
	default:
		return fmt.Sprintf("node '%s' cannot read '%s', only its own Node object", node, name), false
	}
}

func ownLease(node string, info *request.Info) (string, bool) {
	switch {
	case !keeps(info.Verb):
		return "can only get, create, update, patch, or delete a node lease", false
	case info.Namespace != corev1.NamespaceNodeLease:
		return fmt.Sprintf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease), false
	case info.Verb != "create" && info.Name != node: // a create carries no name here; NodeRestriction looks at the object's
		return "can only access node lease with the same name as the requesting node", false
	}
	return "", true
}

// keeps says whether the verb is one of those by which an object is kept up to date.
func keeps(verb string) bool {
	switch verb {
	case "get", "create", "update", "patch", "delete":
		return true
	}
	return false
}
