package fairness

import (
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"slowmo/pkg/apiserver/request"
)

// covers says whether a request is one of those that a FlowSchema is about.
func covers(schema *flowcontrolv1.FlowSchema, user *request.User, info *request.Info) bool {
	for i := range schema.Spec.Rules {
		rule := &schema.Spec.Rules[i]
		named := func(s flowcontrolv1.Subject) bool { return is(user, s) }
		if !slices.ContainsFunc(rule.Subjects, named) {
			continue
		}
		if info.IsResource && slices.ContainsFunc(rule.ResourceRules, func(r flowcontrolv1.ResourcePolicyRule) bool { return about(info, r) }) ||
			!info.IsResource && slices.ContainsFunc(rule.NonResourceRules, func(r flowcontrolv1.NonResourcePolicyRule) bool {
				return listed(r.Verbs, info.Verb) && slices.ContainsFunc(r.NonResourceURLs, func(url string) bool { return below(info.Path, url) })
			}) {
			return true
		}
	}
	return false
}

// is says whether a user is who a subject names.
func is(user *request.User, s flowcontrolv1.Subject) bool {
	switch {
	case s.Kind == flowcontrolv1.SubjectKindUser && s.User != nil:
		return s.User.Name == "*" || s.User.Name == user.Name
	case s.Kind == flowcontrolv1.SubjectKindGroup && s.Group != nil:
		return s.Group.Name == "*" || user.In(s.Group.Name)
	case s.Kind == flowcontrolv1.SubjectKindServiceAccount && s.ServiceAccount != nil:
		account, ok := strings.CutPrefix(user.Name, request.ServiceAccountUserPrefix)
		namespace, name, _ := strings.Cut(account, ":")
		return ok && namespace == s.ServiceAccount.Namespace && (s.ServiceAccount.Name == "*" || name == s.ServiceAccount.Name)
	}
	return false
}

func about(info *request.Info, r flowcontrolv1.ResourcePolicyRule) bool {
	resource := info.Resource
	if info.Subresource != "" {
		resource += "/" + info.Subresource
	}
	if !listed(r.Verbs, info.Verb) || !listed(r.Resources, resource) || !listed(r.APIGroups, info.APIGroup) {
		return false
	}
	if info.Namespace == "" {
		return r.ClusterScope
	}
	return listed(r.Namespaces, info.Namespace)
}

// listed says whether a list has an item, or all items: "*" stands alone then.
func listed(list []string, item string) bool {
	return len(list) == 1 && list[0] == "*" || slices.Contains(list, item)
}

// below says whether a path is url or, with or without the "*" at its end, what is below it.
func below(path, url string) bool {
	if url == "*" || url == path {
		return true
	}
	return strings.HasPrefix(path, strings.TrimSuffix(strings.TrimSuffix(url, "*"), "/")+"/")
}
