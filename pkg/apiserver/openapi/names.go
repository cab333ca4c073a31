package openapi

import (
	"strings"

	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// root is the path of a group-version: /api/v1 or /apis/apps/v1.
func (s served) root() string { return rootOf(s.gv) }

func rootOf(gv runtimeschema.GroupVersion) string {
	if gv.Group == "" {
		return "/api/" + gv.Version
	}
	return "/apis/" + gv.Group + "/" + gv.Version
}

// idOf is the group-version in operation ids: CoreV1, RbacAuthorizationV1.
func idOf(gv runtimeschema.GroupVersion) string {
	id := ""
	for _, part := range strings.Split(groupWord(gv), ".") {
		id += title(part)
	}
	return id + title(gv.Version)
}

// tagOf is the group-version in tags: core_v1, rbacAuthorization_v1.
func tagOf(gv runtimeschema.GroupVersion) string {
	parts := strings.Split(groupWord(gv), ".")
	for i := 1; i < len(parts); i++ {
		parts[i] = title(parts[i])
	}
	return strings.Join(parts, "") + "_" + gv.Version
}

func groupWord(gv runtimeschema.GroupVersion) string {
	if gv.Group == "" {
		return "core"
	}
	return strings.TrimSuffix(gv.Group, ".k8s.io")
}

func title(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func article(kind string) string {
	if strings.ContainsRune("AEIO", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}
