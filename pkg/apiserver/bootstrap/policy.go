package bootstrap

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The words of the tables in roles.go and controllers.go.
const (
	read       = "get list watch"
	write      = "create delete deletecollection patch update"
	everything = "create delete deletecollection get list patch update watch"
	change     = "patch update"
	core       = "core" // the group without a name
	events     = "core events.k8s.io"
	anything   = "*"
)

// role is a default ClusterRole, or a Role when it has a namespace.
type role struct {
	namespace string
	name      string
	// into labels the role as part of an aggregated one: admin, edit, view.
	into string
	// sums makes the role the sum of all that are labelled so.
	sums  string
	rules []rbacv1.PolicyRule
}

// allow makes a rule. All words are separated by spaces.
func allow(verbs, groups, resources string) rbacv1.PolicyRule {
	list := strings.Fields(groups)
	for i := range list {
		if list[i] == core {
			list[i] = ""
		}
	}
	return rbacv1.PolicyRule{Verbs: strings.Fields(verbs), APIGroups: list, Resources: strings.Fields(resources)}
}

// named narrows a rule to the objects of these names.
func named(rule rbacv1.PolicyRule, names string) rbacv1.PolicyRule {
	rule.ResourceNames = strings.Fields(names)
	return rule
}

// paths allows GET on paths that are no resources.
func paths(urls string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: strings.Fields(urls)}
}

// recordEvents is in nearly every role.
func recordEvents() rbacv1.PolicyRule { return allow("create patch update", events, "events") }

// meta is the metadata of every default role and binding: recognizable, and
// brought back to its default at each start unless an administrator sets the
// annotation to false.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation
func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:   namespace,
		Name:        name,
		Labels:      map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"},
		Annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"},
	}
}

const aggregateTo = "rbac.authorization.k8s.io/aggregate-to-"

func (r role) clusterRole() *rbacv1.ClusterRole {
	out := &rbacv1.ClusterRole{ObjectMeta: meta("", r.name), Rules: r.rules}
	if r.into != "" {
		out.Labels[aggregateTo+r.into] = "true"
	}
	if r.sums != "" {
		out.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{
			{MatchLabels: map[string]string{aggregateTo + r.sums: "true"}},
		}}
	}
	return out
}

// ClusterRoles returns the default ClusterRoles, made anew for each caller.
func ClusterRoles() []*rbacv1.ClusterRole {
	var out []*rbacv1.ClusterRole
	for _, r := range clusterRoles() {
		out = append(out, r.clusterRole())
	}
	for _, c := range controllers() {
		out = append(out, role{name: controllerPrefix + c.name, rules: c.rules}.clusterRole())
	}
	return out
}

// Roles returns the default Roles.
func Roles() []*rbacv1.Role {
	var out []*rbacv1.Role
	for _, r := range namespacedRoles() {
		out = append(out, &rbacv1.Role{ObjectMeta: meta(r.namespace, r.name), Rules: r.rules})
	}
	return out
}

// NodeRules returns what ClusterRole system:node allows; the Node authorizer
// goes by it.
func NodeRules() []rbacv1.PolicyRule { return nodeRules() }

// ClusterRoleBindings returns the default ClusterRoleBindings. The one of
// system:node has no subjects: the Node authorizer stands for it.
func ClusterRoleBindings() []*rbacv1.ClusterRoleBinding {
	out := []*rbacv1.ClusterRoleBinding{
		clusterBinding("cluster-admin", group("system:masters")),
		clusterBinding("system:monitoring", group("system:monitoring")),
		clusterBinding("system:discovery", group("system:authenticated")),
		clusterBinding("system:basic-user", group("system:authenticated")),
		clusterBinding("system:public-info-viewer", group("system:authenticated"), group("system:unauthenticated")),
		clusterBinding("system:service-account-issuer-discovery", group("system:serviceaccounts")),
		clusterBinding("system:cluster-trust-bundle-discovery", group("system:serviceaccounts")),
		clusterBinding("system:node"),
		clusterBinding("system:node-proxier", user("system:kube-proxy")),
		clusterBinding("system:kube-controller-manager", user("system:kube-controller-manager")),
		clusterBinding("system:kube-dns", account("kube-dns")),
		clusterBinding("system:kube-scheduler", user("system:kube-scheduler")),
		clusterBinding("system:volume-scheduler", user("system:kube-scheduler")),
	}
	for _, c := range controllers() {
		out = append(out, clusterBinding(controllerPrefix+c.name, account(c.name)))
	}
	return out
}

// RoleBindings returns the default RoleBindings.
func RoleBindings() []*rbacv1.RoleBinding {
	bind := func(namespace, name, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
		return &rbacv1.RoleBinding{
			ObjectMeta: meta(namespace, name),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
			Subjects:   subjects,
		}
	}
	signer, leading := controllerPrefix+"bootstrap-signer", "system::leader-locking-"
	return []*rbacv1.RoleBinding{
		bind("kube-public", signer, signer, account("bootstrap-signer")),
		bind("kube-system", signer, signer, account("bootstrap-signer")),
		bind("kube-system", controllerPrefix+"token-cleaner", controllerPrefix+"token-cleaner", account("token-cleaner")),
		bind("kube-system", controllerPrefix+"cloud-provider", controllerPrefix+"cloud-provider", account("cloud-provider")),
		bind("kube-system", "system::extension-apiserver-authentication-reader", "extension-apiserver-authentication-reader",
			user("system:kube-controller-manager"), user("system:kube-scheduler")),
		bind("kube-system", leading+"kube-controller-manager", leading+"kube-controller-manager",
			user("system:kube-controller-manager"), account("kube-controller-manager"), account("leader-election-controller")),
		bind("kube-system", leading+"kube-scheduler", leading+"kube-scheduler",
			user("system:kube-scheduler"), account("kube-scheduler")),
	}
}

// clusterBinding binds the role of the same name.
func clusterBinding(role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta("", role),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   subjects,
	}
}

func user(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
}

func group(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}
}

// account is a service account of the control plane.
func account(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceSystem, Name: name}
}
