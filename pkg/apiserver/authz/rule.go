package authz

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"slowmo/pkg/apiserver/request"
)

// allows says whether one of the rules covers the request.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
func allows(rules []rbacv1.PolicyRule, info *request.Info) bool {
	for i := range rules {
		if ruleAllows(&rules[i], info) {
			return true
		}
	}
	return false
}

func ruleAllows(rule *rbacv1.PolicyRule, info *request.Info) bool {
	if !hasOrAll(rule.Verbs, info.Verb) {
		return false
	}
	if !info.IsResource {
		return pathMatches(rule.NonResourceURLs, info.Path)
	}
	return hasOrAll(rule.APIGroups, info.APIGroup) &&
		resourceMatches(rule.Resources, info.Resource, info.Subresource) &&
		nameMatches(rule.ResourceNames, info)
}

func hasOrAll(list []string, value string) bool {
	for _, item := range list {
		if item == "*" || item == value {
			return true
		}
	}
	return false
}

// resourceMatches knows "*", "pods", "pods/log" and "*/scale". It joins no
// strings: it runs for every rule of a check.
func resourceMatches(list []string, resource, subresource string) bool {
	for _, item := range list {
		if item == "*" {
			return true
		}
		if subresource == "" {
			if item == resource {
				return true
			}
			continue
		}
		parent, sub, found := strings.Cut(item, "/")
		if found && sub == subresource && (parent == "*" || parent == resource) {
			return true
		}
	}
	return false
}

func nameMatches(names []string, info *request.Info) bool {
	if len(names) == 0 {
		return true
	}
	name := objectName(info)
	return name != "" && slices.Contains(names, name)
}

func pathMatches(list []string, path string) bool {
	for _, item := range list {
		if item == "*" || item == path {
			return true
		}
		if prefix, found := strings.CutSuffix(item, "*"); found && strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
