package rbac

import (
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// bindings completes the definition of a kind of bindings by what both have in
// common. column is what upstream calls the kind in the table, and roleDoc, still in
// the words of v1beta1, what it says of the role.
func bindings(r *api.Resource, column, roleDoc string) *api.Resource {
	r.Group, r.Version = rbacv1.GroupName, "v1"
	r.CreateOnUpdate, r.UnconditionalUpdate = true, true
	r.Default = func(obj api.Object) { defaultBinding(bindingOf(obj)) }
	r.ValidateName = pathvalidation.ValidatePathSegmentName
	r.Validate = func(obj api.Object) field.ErrorList {
		ref, subjects := bindingOf(obj)
		return validateBinding(*ref, subjects, r.Namespaced)
	}
	r.ValidateUpdate = func(obj, old api.Object) field.ErrorList {
		ref, subjects := bindingOf(obj)
		before, _ := bindingOf(old)
		return validateBindingUpdate(*ref, *before, subjects, r.Namespaced)
	}
	r.Columns = bindingColumns(column, roleDoc)
	r.Row = func(obj api.Object, now time.Time) []any {
		ref, subjects := bindingOf(obj)
		return bindingRow(obj, *ref, subjects, now)
	}
	return r
}

func bindingOf(obj api.Object) (*rbacv1.RoleRef, []rbacv1.Subject) {
	if binding, ok := obj.(*rbacv1.ClusterRoleBinding); ok {
		return &binding.RoleRef, binding.Subjects
	}
	binding := obj.(*rbacv1.RoleBinding)
	return &binding.RoleRef, binding.Subjects
}

func defaultBinding(ref *rbacv1.RoleRef, subjects []rbacv1.Subject) {
	if ref.APIGroup == "" {
		ref.APIGroup = rbacv1.GroupName
	}
	for i := range subjects {
		s := &subjects[i]
		if s.APIGroup == "" && (s.Kind == rbacv1.UserKind || s.Kind == rbacv1.GroupKind) {
			s.APIGroup = rbacv1.GroupName
		}
	}
}

func bindingColumns(kind, roleDoc string) []metav1.TableColumnDefinition {
	return []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Role", "string", roleDoc),
		api.AgeColumn,
		api.WideColumn("Users", "string", "Users in the "+kind),
		api.WideColumn("Groups", "string", "Groups in the "+kind),
		api.WideColumn("ServiceAccounts", "string", "ServiceAccounts in the "+kind),
	}
}

func bindingRow(obj api.Object, ref rbacv1.RoleRef, subjects []rbacv1.Subject, now time.Time) []any {
	var users, groups, accounts []string
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.UserKind:
			users = append(users, s.Name)
		case rbacv1.GroupKind:
			groups = append(groups, s.Name)
		case rbacv1.ServiceAccountKind:
			accounts = append(accounts, s.Namespace+"/"+s.Name)
		}
	}
	return []any{
		obj.GetName(), ref.Kind + "/" + ref.Name, api.Age(obj.GetCreationTimestamp(), now),
		strings.Join(users, ", "), strings.Join(groups, ", "), strings.Join(accounts, ", "),
	}
}

// Upstream reads off the tags of the types that names are required, and says so last.

func validateBinding(ref rbacv1.RoleRef, subjects []rbacv1.Subject, namespaced bool) field.ErrorList {
	errs := validateRef(ref, namespaced)
	errs = append(errs, validateSubjects(subjects, namespaced)...)
	errs = append(errs, requireNames(subjects)...)
	return append(errs, requireRef(ref)...)
}

// validateBindingUpdate holds that a binding never comes to grant another role.
func validateBindingUpdate(ref, before rbacv1.RoleRef, subjects []rbacv1.Subject, namespaced bool) field.ErrorList {
	errs := append(validateRef(ref, namespaced), requireRef(ref)...)
	errs = append(errs, validateSubjects(subjects, namespaced)...)
	if ref != before {
		errs = append(errs, field.Invalid(field.NewPath("roleRef"), api.Internal(ref), apivalidation.FieldImmutableErrorMsg))
	}
	return append(errs, requireNames(subjects)...)
}

func validateRef(ref rbacv1.RoleRef, namespaced bool) (errs field.ErrorList) {
	path, kinds := field.NewPath("roleRef"), []string{"ClusterRole"}
	if namespaced {
		kinds = []string{"Role", "ClusterRole"}
	}
	if ref.APIGroup != rbacv1.GroupName {
		errs = append(errs, field.NotSupported(path.Child("apiGroup"), ref.APIGroup, []string{rbacv1.GroupName}))
	}
	if !slices.Contains(kinds, ref.Kind) {
		errs = append(errs, field.NotSupported(path.Child("kind"), ref.Kind, kinds))
	}
	return append(errs, check.Text(ref.Name, path.Child("name"), pathvalidation.IsValidPathSegmentName)...)
}

func requireRef(ref rbacv1.RoleRef) field.ErrorList {
	if ref.Name == "" {
		return field.ErrorList{field.Required(field.NewPath("roleRef", "name"), "")}
	}
	return nil
}

func requireNames(subjects []rbacv1.Subject) (errs field.ErrorList) {
	for i, s := range subjects {
		if s.Name == "" {
			errs = append(errs, field.Required(field.NewPath("subjects").Index(i).Child("name"), ""))
		}
	}
	return errs
}

func validateSubjects(subjects []rbacv1.Subject, namespaced bool) (errs field.ErrorList) {
	for i := range subjects {
		errs = append(errs, validateSubject(&subjects[i], namespaced, field.NewPath("subjects").Index(i))...)
	}
	return errs
}

// validateSubject checks a subject. A service account without a namespace is of the
// binding's own, if it has one.
func validateSubject(s *rbacv1.Subject, namespaced bool, path *field.Path) (errs field.ErrorList) {
	group := rbacv1.GroupName
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		group = ""
		if s.Name != "" {
			errs = append(errs, check.DNS1123Subdomain(s.Name, path.Child("name"))...)
		}
	case rbacv1.UserKind, rbacv1.GroupKind:
	default:
		return append(errs, field.NotSupported(path.Child("kind"), s.Kind,
			[]string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
	}
	if s.APIGroup != group {
		errs = append(errs, field.NotSupported(path.Child("apiGroup"), s.APIGroup, []string{group}))
	}
	if s.Kind == rbacv1.ServiceAccountKind && s.Namespace == "" && !namespaced {
		errs = append(errs, field.Required(path.Child("namespace"), ""))
	}
	return errs
}
