package audit

import (
	"slices"
	"strings"

	"slowmo/pkg/apiserver/request"
)

// decision is what a policy says of one request.
type decision struct {
	level       Level
	omitStages  []Stage
	omitManaged bool
}

func (d decision) writes(stage Stage) bool {
	return d.level != LevelNone && !slices.Contains(d.omitStages, stage)
}

// decide finds the first rule that covers a request.
func (p *Policy) decide(user *request.User, info *request.Info) decision {
	for i := range p.Rules {
		rule := &p.Rules[i]
		if !rule.covers(user, info) {
			continue
		}
		d := decision{level: rule.Level, omitStages: slices.Concat(p.OmitStages, rule.OmitStages), omitManaged: p.OmitManagedFields}
		if rule.OmitManagedFields != nil {
			d.omitManaged = *rule.OmitManagedFields
		}
		return d
	}
	return decision{level: LevelNone}
}

func (r *Rule) covers(user *request.User, info *request.Info) bool {
	switch {
	case len(r.Users) > 0 && !slices.Contains(r.Users, user.Name),
		len(r.UserGroups) > 0 && !slices.ContainsFunc(r.UserGroups, user.In),
		len(r.Verbs) > 0 && !slices.Contains(r.Verbs, info.Verb):
		return false
	case len(r.Namespaces) > 0 || len(r.Resources) > 0:
		return info.IsResource && r.coversResource(info)
	case len(r.NonResourceURLs) > 0:
		return !info.IsResource && slices.ContainsFunc(r.NonResourceURLs, func(url string) bool { return coversPath(url, info.Path) })
	}
	return true
}

func (r *Rule) coversResource(info *request.Info) bool {
	if len(r.Namespaces) > 0 && !slices.Contains(r.Namespaces, info.Namespace) {
		return false
	}
	return len(r.Resources) == 0 || slices.ContainsFunc(r.Resources, func(g GroupResources) bool { return g.covers(info) })
}

func (g *GroupResources) covers(info *request.Info) bool {
	if g.Group != info.APIGroup {
		return false
	}
	if len(g.Resources) == 0 {
		return true
	}
	if len(g.ResourceNames) > 0 && !slices.Contains(g.ResourceNames, info.Name) {
		return false
	}
	return slices.ContainsFunc(g.Resources, func(pattern string) bool { return coversName(pattern, info) })
}

// coversName: "pods" is without its subresources, "*" with those of all.
func coversName(pattern string, info *request.Info) bool {
	resource, sub, both := strings.Cut(pattern, "/")
	switch {
	case pattern == "*":
		return true
	case !both:
		return resource == info.Resource && info.Subresource == ""
	}
	return (resource == "*" || resource == info.Resource) &&
		(sub == "*" && resource != "*" || sub == info.Subresource && sub != "")
}

func coversPath(pattern, path string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(path, prefix)
	}
	return pattern == path
}
