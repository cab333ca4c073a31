package bootstrap

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/all"
	coreapi "slowmo/pkg/api/core"
	networkingapi "slowmo/pkg/api/networking"
	rbacapi "slowmo/pkg/api/rbac"
	schedulingapi "slowmo/pkg/api/scheduling"
	"slowmo/pkg/apiserver/allocate"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

func config(t *testing.T) Config {
	t.Helper()
	store := storetest.New(t, allocate.NodePort)
	services, err := allocate.New(store, []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}, 30000, 32767)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Store:            store,
		Resources:        all.Resources(),
		AdvertiseAddress: netip.MustParseAddr("192.0.2.1"),
		SecurePort:       6443,
		ServiceIP:        services.First(),
		ServiceRanges:    []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
		Services:         services,
		ClientCA:         []byte("pem"),
		RBAC:             true,
	}
}

func get[T api.Object](t *testing.T, store *storage.Store, r *api.Resource, namespace, name string) T {
	t.Helper()
	record, err := store.Collection(r).Get(t.Context(), namespace, name, storage.Consistent)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := record.Object()
	if err != nil {
		t.Fatal(err)
	}
	return obj.(T)
}

func TestRunFillsAnEmptyStore(t *testing.T) {
	c := config(t)
	start := time.Now()
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Logf("took %v", time.Since(start))

	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		ns := get[*corev1.Namespace](t, c.Store, coreapi.Namespace, "", name)
		if ns.Labels["kubernetes.io/metadata.name"] != name || ns.UID == "" || ns.CreationTimestamp.IsZero() {
			t.Errorf("namespace %s: %+v", name, ns.ObjectMeta)
		}
	}
	service := get[*corev1.Service](t, c.Store, coreapi.Service, "default", "kubernetes")
	if service.Spec.ClusterIP != "10.96.0.1" || service.Spec.IPFamilies[0] != corev1.IPv4Protocol {
		t.Errorf("kubernetes service: %+v", service.Spec)
	}
	get[api.Object](t, c.Store, networkingapi.IPAddress, "", "10.96.0.1")
	if class := get[*schedulingv1.PriorityClass](t, c.Store, schedulingapi.PriorityClass, "", "system-node-critical"); class.Value != 2000001000 {
		t.Errorf("system-node-critical has value %d", class.Value)
	}
	m := get[*corev1.ConfigMap](t, c.Store, coreapi.ConfigMap, "kube-system", "extension-apiserver-authentication")
	if m.Data["client-ca-file"] != "pem" {
		t.Errorf("extension-apiserver-authentication: %v", m.Data)
	}
	if n := c.Store.Collection(rbacapi.ClusterRole).Len(); n != len(ClusterRoles()) {
		t.Errorf("%d cluster roles, want %d", n, len(ClusterRoles()))
	}
}

func TestSecondRunWritesNothing(t *testing.T) {
	c := config(t)
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	before := revisions(t, c.Store)
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for name, revision := range revisions(t, c.Store) {
		if before[name] != revision {
			t.Errorf("%s was written again", name)
		}
	}
}

func revisions(t *testing.T, store *storage.Store) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, r := range all.Resources() {
		if r.Virtual {
			continue
		}
		page, err := store.Collection(r).List(t.Context(), storage.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range page.Records {
			out[record.Key] = record.Revision
		}
	}
	return out
}

func TestRolesAreBroughtBack(t *testing.T) {
	c := config(t)
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	roles := c.Store.Collection(rbacapi.ClusterRole)
	edit := func(name string, change func(*rbacv1.ClusterRole)) {
		t.Helper()
		_, err := roles.Modify(t.Context(), "", name, func(current api.Object) (api.Object, error) {
			change(current.(*rbacv1.ClusterRole))
			return current, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	extra := allow("get", core, "foos")
	edit("system:kube-dns", func(r *rbacv1.ClusterRole) { r.Rules = []rbacv1.PolicyRule{extra} })
	edit("system:basic-user", func(r *rbacv1.ClusterRole) {
		r.Rules = nil
		r.Annotations[rbacv1.AutoUpdateAnnotationKey] = "false"
	})
	elsewhere := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	more := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eve"}
	_, err := c.Store.Collection(rbacapi.ClusterRoleBinding).Modify(t.Context(), "", "system:kube-scheduler", func(current api.Object) (api.Object, error) {
		b := current.(*rbacv1.ClusterRoleBinding)
		b.RoleRef, b.Subjects = elsewhere, []rbacv1.Subject{more}
		return b, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b := get[*rbacv1.ClusterRoleBinding](t, c.Store, rbacapi.ClusterRoleBinding, "", "system:kube-scheduler")
	if b.RoleRef.Name != "system:kube-scheduler" || !slices.Equal(b.Subjects, []rbacv1.Subject{more, user("system:kube-scheduler")}) {
		t.Errorf("want its role, its subject and the one that was added, got %v", b)
	}
	if r := get[*rbacv1.ClusterRole](t, c.Store, rbacapi.ClusterRole, "", "system:kube-dns"); len(r.Rules) < 2 || r.Rules[0].Resources[0] != "foos" {
		t.Errorf("want the rule that was taken and the one that was added, got %v", r.Rules)
	}
	if r := get[*rbacv1.ClusterRole](t, c.Store, rbacapi.ClusterRole, "", "system:basic-user"); len(r.Rules) != 0 {
		t.Errorf("a protected role was changed: %v", r.Rules)
	}
}

func TestPolicyIsWellFormed(t *testing.T) {
	names := map[string]bool{}
	for _, r := range ClusterRoles() {
		if names[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		names[r.Name] = true
		for _, rule := range r.Rules {
			if len(rule.Verbs) == 0 || len(rule.NonResourceURLs) == 0 && (len(rule.APIGroups) == 0 || len(rule.Resources) == 0) {
				t.Errorf("%s: incomplete rule %v", r.Name, rule)
			}
		}
	}
	for _, b := range ClusterRoleBindings() {
		if !names[b.RoleRef.Name] {
			t.Errorf("%s binds role %q, which is not there", b.Name, b.RoleRef.Name)
		}
	}
	for _, c := range controllers() {
		if !names[controllerPrefix+c.name] {
			t.Errorf("no role for controller %s", c.name)
		}
	}
}
