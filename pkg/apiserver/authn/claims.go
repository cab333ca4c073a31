package authn

import (
	"github.com/go-jose/go-jose/v4/jwt"

	"slowmo/pkg/apiserver/request"
)

// claims are what a service account token says.
//
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims
type claims struct {
	jwt.Claims
	// Audience hides the one in Claims, which would write a single audience as
	// a string where kube-apiserver writes a list.
	Audience   []string      `json:"aud,omitempty"`
	Kubernetes privateClaims `json:"kubernetes.io"`
}

// privateClaims name the objects whose existence the token depends on.
type privateClaims struct {
	Namespace      string           `json:"namespace,omitempty"`
	Node           *reference       `json:"node,omitempty"`
	Pod            *reference       `json:"pod,omitempty"`
	Secret         *reference       `json:"secret,omitempty"`
	ServiceAccount reference        `json:"serviceaccount"`
	WarnAfter      *jwt.NumericDate `json:"warnafter,omitempty"`
}

type reference struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// nodeNameKey is the extra with the node of the pod that a token is bound to.
const nodeNameKey = "authentication.kubernetes.io/node-name"

// user returns who the claims are about.
func (c *claims) user() *request.User {
	k := &c.Kubernetes
	extra := map[string][]string{}
	if c.ID != "" {
		extra[credentialID] = []string{"JTI=" + c.ID}
	}
	if k.Pod != nil {
		extra["authentication.kubernetes.io/pod-name"] = []string{k.Pod.Name}
		extra["authentication.kubernetes.io/pod-uid"] = []string{k.Pod.UID}
	}
	if k.Node != nil {
		extra[nodeNameKey] = []string{k.Node.Name}
		extra["authentication.kubernetes.io/node-uid"] = []string{k.Node.UID}
	}
	return known(serviceAccountUser(k.Namespace, k.ServiceAccount.Name), k.ServiceAccount.UID, serviceAccountGroups(k.Namespace), extra)
}

func serviceAccountUser(namespace, name string) string {
	return request.ServiceAccountUserPrefix + namespace + ":" + name
}

func serviceAccountGroups(namespace string) []string {
	return []string{request.GroupServiceAccounts, request.GroupServiceAccounts + ":" + namespace}
}
