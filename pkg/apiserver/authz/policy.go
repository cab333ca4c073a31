package authz

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"slowmo/pkg/apiserver/request"
)

// Policy is who may do what: roles, and the bindings that give them, indexed by
// subject. It is changed one object at a time and asked at any time.
//
// Objects handed to it are kept and must not be changed afterwards.
type Policy struct {
	mu sync.RWMutex

	roles        map[key]*rbacv1.Role
	clusterRoles map[string]*rbacv1.ClusterRole
	// aggregated holds the rules of each ClusterRole that is the sum of others.
	// It is derived from clusterRoles and rebuilt when one of them changes.
	aggregated map[string][]rbacv1.PolicyRule

	// bindings holds all bindings, cluster-wide ones under an empty namespace;
	// bySubject holds the same ones under each subject that they name.
	bindings  map[key]*binding
	bySubject map[subject]map[key]*binding
}

// key names an object; the namespace is empty for cluster-wide ones.
type key struct{ namespace, name string }

// subject is a user or a group. Service accounts are users by their long name.
type subject struct {
	group bool
	name  string
}

type binding struct {
	key
	role     rbacv1.RoleRef
	subjects []rbacv1.Subject
}

// NewPolicy returns a policy that gives nobody anything.
func NewPolicy() *Policy {
	return &Policy{
		roles:        map[key]*rbacv1.Role{},
		clusterRoles: map[string]*rbacv1.ClusterRole{},
		aggregated:   map[string][]rbacv1.PolicyRule{},
		bindings:     map[key]*binding{},
		bySubject:    map[subject]map[key]*binding{},
	}
}

// SetRole adds or replaces a role; nil removes it.
func (p *Policy) SetRole(namespace, name string, role *rbacv1.Role) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if role == nil {
		delete(p.roles, key{namespace, name})
		return
	}
	p.roles[key{namespace, name}] = role
}

// SetClusterRole adds or replaces a cluster role; nil removes it.
func (p *Policy) SetClusterRole(name string, role *rbacv1.ClusterRole) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if role == nil {
		delete(p.clusterRoles, name)
	} else {
		p.clusterRoles[name] = role
	}
	p.aggregate()
}

// SetBinding adds or replaces a binding, without subjects it removes it. The namespace of a
// ClusterRoleBinding is empty.
func (p *Policy) SetBinding(namespace, name string, role rbacv1.RoleRef, subjects []rbacv1.Subject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := key{namespace, name}
	if old := p.bindings[k]; old != nil {
		for _, s := range old.subjects {
			id := subjectID(s, namespace)
			delete(p.bySubject[id], k)
			if len(p.bySubject[id]) == 0 {
				delete(p.bySubject, id)
			}
		}
		delete(p.bindings, k)
	}
	if len(subjects) == 0 {
		return
	}
	b := &binding{key: k, role: role, subjects: subjects}
	p.bindings[k] = b
	for _, s := range subjects {
		id := subjectID(s, namespace)
		if p.bySubject[id] == nil {
			p.bySubject[id] = map[key]*binding{}
		}
		p.bySubject[id][k] = b
	}
}

// aggregate gives each ClusterRole with an aggregation rule the rules of those
// that it selects. The roles that it may reach through others are few (edit is in
// admin, view in edit), so it repeats until nothing grows.
func (p *Policy) aggregate() {
	clear(p.aggregated)
	for changed := true; changed; {
		changed = false
		for name, role := range p.clusterRoles {
			if role.AggregationRule == nil {
				continue
			}
			rules := p.selected(name, role.AggregationRule.ClusterRoleSelectors)
			if len(rules) != len(p.aggregated[name]) {
				p.aggregated[name], changed = rules, true
			}
		}
	}
}

// selected returns the rules of the cluster roles that match one of the
// selectors, each rule once.
func (p *Policy) selected(self string, selectors []metav1.LabelSelector) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(p.clusterRoles)) {
		if name == self || !matchesAny(selectors, p.clusterRoles[name].Labels) {
			continue
		}
		for _, rule := range p.clusterRules(name) {
			if text := compactString(rule); !seen[text] {
				seen[text] = true
				rules = append(rules, rule)
			}
		}
	}
	return rules
}

// clusterRules returns what a cluster role gives: its own rules, which a
// controller fills for aggregated ones, or the sum that we know already.
func (p *Policy) clusterRules(name string) []rbacv1.PolicyRule {
	role := p.clusterRoles[name]
	if role == nil {
		return nil
	}
	if role.AggregationRule != nil {
		return p.aggregated[name]
	}
	return role.Rules
}

// rules returns what the binding's role gives, and false if there is no such role.
func (p *Policy) rules(b *binding) ([]rbacv1.PolicyRule, bool) {
	if b.role.Kind == "ClusterRole" {
		_, there := p.clusterRoles[b.role.Name]
		return p.clusterRules(b.role.Name), there
	}
	role := p.roles[key{b.namespace, b.role.Name}]
	if role == nil {
		return nil, false
	}
	return role.Rules, true
}

// visit calls f with each binding of the user that counts in namespace, the
// cluster-wide ones included, until f returns false.
func (p *Policy) visit(user *request.User, namespace string, f func(s subject, b *binding) bool) {
	if !p.visitSubject(subject{name: user.Name}, namespace, f) {
		return
	}
	for _, group := range user.Groups {
		if !p.visitSubject(subject{group: true, name: group}, namespace, f) {
			return
		}
	}
}

func (p *Policy) visitSubject(s subject, namespace string, f func(subject, *binding) bool) bool {
	for _, b := range p.bySubject[s] {
		if (b.namespace == "" || b.namespace == namespace) && !f(s, b) {
			return false
		}
	}
	return true
}

// RulesFor returns all rules that count for the user in namespace, in no
// particular order, and the roles that bindings name and that are not there.
func (p *Policy) RulesFor(user *request.User, namespace string) ([]rbacv1.PolicyRule, []error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var rules []rbacv1.PolicyRule
	var missing []error
	p.visit(user, namespace, func(_ subject, b *binding) bool {
		found, there := p.rules(b)
		if !there {
			missing = append(missing, errMissingRole(b))
		}
		rules = append(rules, found...)
		return true
	})
	return rules, missing
}

// RoleRules returns the rules behind a role reference of a binding in
// namespace, and false if there is no such role.
func (p *Policy) RoleRules(namespace string, ref rbacv1.RoleRef) ([]rbacv1.PolicyRule, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.rules(&binding{key: key{namespace: namespace}, role: ref})
}

func matchesAny(selectors []metav1.LabelSelector, set map[string]string) bool {
	for i := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(&selectors[i])
		if err == nil && selector.Matches(labels.Set(set)) {
			return true
		}
	}
	return false
}

func subjectID(s rbacv1.Subject, namespace string) subject {
	switch s.Kind {
	case rbacv1.GroupKind:
		return subject{group: true, name: s.Name}
	case rbacv1.ServiceAccountKind:
		if s.Namespace != "" {
			namespace = s.Namespace
		}
		return subject{name: request.ServiceAccountUserPrefix + namespace + ":" + s.Name}
	}
	return subject{name: s.Name}
}

func errMissingRole(b *binding) error {
	kind := "role"
	if b.role.Kind == "ClusterRole" {
		kind = "clusterrole"
	}
	return fmt.Errorf("%s.rbac.authorization.k8s.io %q not found", kind, b.role.Name)
}
