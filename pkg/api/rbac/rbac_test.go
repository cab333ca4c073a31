package rbac

import (
	"testing"

	"slowmo/pkg/api/apitest"
)

func TestValidateRole(t *testing.T) {
	apitest.Create(t, Role, `rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]`)
	apitest.Create(t, Role, `rules: [{}, {verbs: [get], nonResourceURLs: [/x], resources: [pods]}]`,
		"rules[0].apiGroups: Required value: resource rules must supply at least one api group",
		"rules[0].resources: Required value: resource rules must supply at least one resource",
		`rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs`,
		`rules[1].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs`,
		"rules[0].verbs: Required value")
	apitest.Create(t, ClusterRole, `{rules: [{nonResourceURLs: [/x]}], aggregationRule: {}}`,
		"aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil", "rules[0].verbs: Required value")
	apitest.Create(t, ClusterRole, `aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: a, operator: X}]}]}`,
		`aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "X": not a valid selector operator`,
		"aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.")
}

func TestValidateBinding(t *testing.T) {
	apitest.Create(t, RoleBinding, `{roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: u}, {kind: ServiceAccount, name: a}]}`)
	apitest.Create(t, ClusterRoleBinding, `{roleRef: {kind: ClusterRole, name: r}, subjects: [{kind: ServiceAccount, name: a}]}`,
		"subjects[0].namespace: Required value")
	apitest.Create(t, RoleBinding, `{roleRef: {}, subjects: [{}, {kind: User, apiGroup: x}]}`,
		`roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole"`,
		`subjects[0].kind: Unsupported value: "": supported values: "ServiceAccount", "User", "Group"`,
		`subjects[1].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"`,
		"subjects[0].name: Required value", "subjects[1].name: Required value", "roleRef.name: Required value")
	apitest.Create(t, ClusterRoleBinding, `{roleRef: {kind: Role, name: a/b}}`,
		`roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"`, `roleRef.name: Invalid value: "a/b": may not contain '/'`)
	apitest.Update(t, RoleBinding, `roleRef: {kind: Role, name: r}`, `{roleRef: {kind: Role}, subjects: [{kind: User}]}`,
		"roleRef.name: Required value", `roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":""}: field is immutable`,
		"subjects[0].name: Required value")
}

func TestBindingRow(t *testing.T) {
	apitest.Row(t, RoleBinding, `{metadata: {name: b}, roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: u}, {kind: User, name: v}, {kind: Group, name: g}, {kind: ServiceAccount, name: a}]}`,
		`["b","Role/r","5m","u, v","g","/a"]`)
}
