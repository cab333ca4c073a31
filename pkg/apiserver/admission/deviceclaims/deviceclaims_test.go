package deviceclaims

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/api/resource"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

// permissions allows what is listed, as "verb part name".
type permissions []string

func (p permissions) Authorize(_ context.Context, a *request.Authorization) (request.Decision, string, error) {
	if slices.Contains(p, a.Info.Verb+" "+a.Info.Subresource+" "+a.Info.Name) {
		return request.Allow, "", nil
	}
	return request.NoOpinion, "", nil
}

func newCheck(t *testing.T, may ...string) *Check {
	c := &Check{Store: storetest.New(t), Authorizer: permissions(may)}
	for name, label := range map[string]string{"plain": "", "marked": "true"} {
		ns := &corev1.Namespace{}
		ns.Name, ns.Labels = name, map[string]string{resourcev1.DRAAdminNamespaceLabelKey: label}
		storetest.Put(t, c.Store, core.Namespace, ns)
	}
	return c
}

func attributes(op request.Operation, r *api.Resource, namespace string, obj, old api.Object) *request.Attributes {
	return &request.Attributes{Operation: op, User: &request.User{Name: "eve"}, Kind: r.GroupVersionKind(),
		Resource: r.GroupVersionKind().GroupVersion().WithResource(r.Plural), Namespace: namespace, Name: "c", Object: obj, OldObject: old}
}

func TestAdminAccess(t *testing.T) {
	c := newCheck(t)
	admin := resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{
		{Name: "a"}, {Name: "b", Exactly: &resourcev1.ExactDeviceRequest{AdminAccess: ptr.To(true)}}}}}
	const refused = "spec.devices.requests[1].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"
	for namespace, want := range map[string]string{"marked": "", "plain": refused} {
		claim := &resourcev1.ResourceClaim{Spec: admin}
		template := &resourcev1.ResourceClaimTemplate{Spec: resourcev1.ResourceClaimTemplateSpec{Spec: admin}}
		for kind, a := range map[string]*request.Attributes{
			"ResourceClaim":         attributes(request.Create, resource.ResourceClaim, namespace, claim, nil),
			"ResourceClaimTemplate": attributes(request.Create, resource.ResourceClaimTemplate, namespace, template, nil),
		} {
			expect(t, kind+" in "+namespace, c.Validate(t.Context(), a), kind, want)
		}
		// What is there already may be labelled.
		if err := c.Validate(t.Context(), attributes(request.Update, resource.ResourceClaim, namespace, claim, claim)); err != nil {
			t.Error(err)
		}
	}
}

func expect(t *testing.T, what string, err error, kind, want string) {
	t.Helper()
	if want != "" {
		want = kind + `.resource.k8s.io "c" is invalid: ` + want
	}
	if (err == nil) != (want == "") || err != nil && err.Error() != want {
		t.Errorf("%s: got %v, want %s", what, err, want)
	}
}

func TestStatus(t *testing.T) {
	const binding = `status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="patch" permission: resourceclaims.resource.k8s.io is forbidden: User "eve" cannot patch resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope`
	const driver = `status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[arbitrary-node:patch]" permission: resourceclaims.resource.k8s.io "d" is forbidden: User "eve" cannot arbitrary-node:patch resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "plain"`
	const allocated = `{allocation: {devices: {results: [{request: r, driver: d, pool: p, device: x}]}}, devices: [{driver: d, pool: p, device: x, data: {a: 1}}]}`
	for name, c := range map[string]struct {
		may         []string
		before, now string
		want        string
	}{
		"nothing changes":   {nil, allocated, allocated, ""},
		"conditions only":   {nil, `{}`, `{}`, ""},
		"reserved":          {nil, `{}`, `{reservedFor: [{resource: pods, name: a, uid: b}]}`, binding},
		"binder":            {[]string{"patch binding "}, `{}`, `{reservedFor: [{resource: pods, name: a, uid: b}]}`, ""},
		"both":              {nil, `{}`, allocated, "[" + binding + ", " + driver + "]"},
		"another's driver":  {[]string{"patch binding ", "arbitrary-node:patch driver e"}, `{}`, allocated, driver},
		"its driver":        {[]string{"patch binding ", "arbitrary-node:patch driver d"}, `{}`, allocated, ""},
		"no longer said":    {nil, allocated, `{allocation: {devices: {results: [{request: r, driver: d, pool: p, device: x}]}}}`, driver},
		"no longer claimed": {[]string{"patch binding "}, allocated, `{}`, ""},
		"admin": {[]string{"patch binding "}, `{}`, `{allocation: {devices: {results: [{request: r, driver: d, pool: p, device: x, adminAccess: true}]}}}`,
			"status.allocation.devices.results[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"},
	} {
		now, before := &resourcev1.ResourceClaim{}, &resourcev1.ResourceClaim{}
		if err := yaml.UnmarshalStrict([]byte(c.before), &before.Status); err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict([]byte(c.now), &now.Status); err != nil {
			t.Fatal(err)
		}
		a := attributes(request.Update, resource.ResourceClaim, "plain", now, before)
		a.Subresource = "status"
		ctx := request.With(t.Context(), &request.State{Info: &request.Info{Verb: "patch"}})
		expect(t, name, newCheck(t, c.may...).Validate(ctx, a), "ResourceClaim", c.want)
	}
}

func TestVerbs(t *testing.T) {
	on := func(name string) *resourcev1.AllocationResult {
		return &resourcev1.AllocationResult{NodeSelector: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{name}}}}}}}
	}
	both, one := []string{"associated-node:update", "arbitrary-node:update"}, []string{"arbitrary-node:update"}
	for name, c := range map[string]struct {
		user       string
		allocation *resourcev1.AllocationResult
		want       []string
	}{
		"its own node":  {"system:serviceaccount:a:b", on("n1"), both},
		"another":       {"system:serviceaccount:a:b", on("n2"), one},
		"no account":    {"bob", on("n1"), one},
		"several nodes": {"system:serviceaccount:a:b", &resourcev1.AllocationResult{}, one},
	} {
		user := &request.User{Name: c.user, Extra: map[string][]string{nodeNameKey: {"n1"}}}
		if got := verbsFor(user, "update", nodeOf(c.allocation)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
