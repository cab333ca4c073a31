package authz

import (
	"context"
	"fmt"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/rbac"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

func TestRBACFollowsTheStore(t *testing.T) {
	store := storetest.New(t)
	role := &rbacv1.Role{Rules: []rbacv1.PolicyRule{rule("get", "", "pods")}}
	role.Namespace, role.Name = "ns", "reader"
	storetest.Put(t, store, rbac.Role, role)
	binding := &rbacv1.RoleBinding{RoleRef: roleRef("Role", "reader"), Subjects: []rbacv1.Subject{{Kind: "User", Name: "early"}}}
	binding.Namespace, binding.Name = "ns", "early"
	storetest.Put(t, store, rbac.RoleBinding, binding)

	ctx, cancel := context.WithCancel(t.Context())
	r, err := NewRBAC(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Go(t, cancel, func() error { return r.Run(ctx) })
	may := func(user string) bool {
		d, _, _ := r.Authorize(ctx, &request.Authorization{User: &request.User{Name: user}, Info: info("get", "", "pods", "ns", "p")})
		return d == request.Allow
	}
	if !may("early") {
		t.Error("what was there at the start does not count")
	}
	late := &rbacv1.RoleBinding{RoleRef: roleRef("Role", "reader"), Subjects: []rbacv1.Subject{{Kind: "User", Name: "late"}}}
	late.Namespace, late.Name = "ns", "late"
	storetest.Put(t, store, rbac.RoleBinding, late)
	eventually(t, "a later binding counts", func() bool { return may("late") })
	if _, err := store.Collection(rbac.RoleBinding).Modify(ctx, "ns", "early", func(api.Object) (api.Object, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a deleted binding counts no more", func() bool { return !may("early") })
}

// TestRBACKnowsWhatIsStored: a right counts from the moment in which it is stored,
// even if the news of it comes between two looks.
func TestRBACKnowsWhatIsStored(t *testing.T) {
	store := storetest.New(t)
	role := &rbacv1.Role{Rules: []rbacv1.PolicyRule{rule("get", "", "pods")}}
	role.Namespace, role.Name = "ns", "reader"
	storetest.Put(t, store, rbac.Role, role)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := NewRBAC(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Go(t, cancel, func() error { return r.Run(ctx) })
	for n := range 1000 {
		name := fmt.Sprint("user-", n)
		binding := &rbacv1.RoleBinding{RoleRef: roleRef("Role", "reader"), Subjects: []rbacv1.Subject{{Kind: "User", Name: name}}}
		binding.Namespace, binding.Name = "ns", name
		storetest.Put(t, store, rbac.RoleBinding, binding)
		decision, reason, err := r.Authorize(ctx, &request.Authorization{User: &request.User{Name: name}, Info: info("get", "", "pods", "ns", "p")})
		if decision != request.Allow {
			t.Fatalf("after %d: %v, %s, %v", n, decision, reason, err)
		}
	}
}

// eventually waits for what follows an event by moments.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}
