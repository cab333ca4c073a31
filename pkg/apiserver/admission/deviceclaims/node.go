package deviceclaims

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"slowmo/pkg/apiserver/request"
)

// nodeNameKey is where the token of a pod's service account names the pod's node.
const nodeNameKey = "authentication.kubernetes.io/node-name"

// verbsFor returns the verbs of which a user must hold one: a driver that runs on the
// claim's node may have one that is for its own node only.
func verbsFor(user *request.User, verb, node string) []string {
	anywhere := resourcev1.VerbPrefixArbitraryNode + verb
	names := user.Extra[nodeNameKey]
	isAccount := strings.HasPrefix(user.Name, "system:serviceaccount:")
	if node == "" || !isAccount || len(names) != 1 || names[0] != node || len(validation.IsDNS1123Subdomain(node)) > 0 {
		return []string{anywhere}
	}
	return []string{resourcev1.VerbPrefixAssociatedNode + verb, anywhere}
}

// nodeOf returns the node that the devices of an allocation are on; empty if they can
// be used from several.
func nodeOf(allocation *resourcev1.AllocationResult) string {
	selector := allocation.NodeSelector
	if selector == nil || len(selector.NodeSelectorTerms) != 1 {
		return ""
	}
	term := selector.NodeSelectorTerms[0]
	if len(term.MatchExpressions) > 0 || len(term.MatchFields) != 1 {
		return ""
	}
	f := term.MatchFields[0]
	if f.Key != "metadata.name" || f.Operator != corev1.NodeSelectorOpIn || len(f.Values) != 1 {
		return ""
	}
	return f.Values[0]
}
