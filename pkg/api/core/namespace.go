package core

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// Namespace is the resource namespaces. A namespace that is deleted stays,
// terminating, until its spec.finalizers are gone: the namespace controller
// empties it first and then calls finalize.
//
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/
var Namespace = &api.Resource{
	Version:    "v1",
	Kind:       "Namespace",
	Plural:     "namespaces",
	Singular:   "namespace",
	ShortNames: []string{"ns"},
	Verbs:      []string{"create", "delete", "get", "list", "patch", "update", "watch"},
	New:        func() api.Object { return &corev1.Namespace{} },
	NewList:    func() runtime.Object { return &corev1.NamespaceList{} },

	Default:             defaultNamespace,
	PrepareCreate:       prepareNamespaceCreate,
	PrepareUpdate:       prepareNamespaceUpdate,
	Validate:            validateNamespace,
	ValidateName:        apivalidation.ValidateNamespaceName,
	UnconditionalUpdate: true,
	BeginDelete:         beginNamespaceDelete,
	ReturnDeleted:       true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Status", "string", "The status of the namespace"),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		ns := obj.(*corev1.Namespace)
		return []any{ns.Name, string(ns.Status.Phase), api.Age(ns.CreationTimestamp, now)}
	},

	Fields: func(obj api.Object) fields.Set {
		return fields.Set{"status.phase": string(obj.(*corev1.Namespace).Status.Phase)}
	},
	FieldNames: []string{"status.phase"},

	Subresources: []api.Subresource{
		{Name: "finalize", Verbs: []string{"update"}, Put: putNamespaceFinalizers, Validate: validateNamespaceFinalize},
		api.Status(func(_ context.Context, to, from *corev1.Namespace) { to.Status = from.Status }, validateNamespaceStatus),
	},
}

func defaultNamespace(obj api.Object) {
	ns := obj.(*corev1.Namespace)
	if ns.Name != "" {
		if ns.Labels == nil {
			ns.Labels = map[string]string{}
		}
		ns.Labels[corev1.LabelMetadataName] = ns.Name
	}
	if ns.Status.Phase == "" {
		ns.Status.Phase = corev1.NamespaceActive
	}
}

func prepareNamespaceCreate(_ context.Context, obj api.Object) {
	ns := obj.(*corev1.Namespace)
	// A generated name is known only now.
	defaultNamespace(ns)
	ns.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
	if !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes) {
		ns.Spec.Finalizers = append(ns.Spec.Finalizers, corev1.FinalizerKubernetes)
	}
}

func prepareNamespaceUpdate(_ context.Context, obj, old api.Object) {
	ns, before := obj.(*corev1.Namespace), old.(*corev1.Namespace)
	ns.Spec.Finalizers = before.Spec.Finalizers
	ns.Status = before.Status
}

// beginNamespaceDelete: the first delete of a namespace never removes it, even if
// nothing is left in it.
func beginNamespaceDelete(obj api.Object) (stays bool) {
	ns := obj.(*corev1.Namespace)
	ns.Status.Phase = corev1.NamespaceTerminating
	return ns.DeletionTimestamp == nil || len(ns.Spec.Finalizers) > 0
}

func putNamespaceFinalizers(_ context.Context, parent, body api.Object) error {
	ns, from := parent.(*corev1.Namespace), body.(*corev1.Namespace)
	ns.ObjectMeta, ns.Spec = from.ObjectMeta, from.Spec
	return nil
}

func validateNamespace(obj api.Object) (errs field.ErrorList) {
	for _, finalizer := range obj.(*corev1.Namespace).Spec.Finalizers {
		errs = append(errs, validateFinalizer(string(finalizer), field.NewPath("spec", "finalizers"))...)
	}
	return errs
}

func validateNamespaceFinalize(obj, _ api.Object) (errs field.ErrorList) {
	for i, finalizer := range obj.(*corev1.Namespace).Spec.Finalizers {
		errs = append(errs, validateFinalizer(string(finalizer), field.NewPath("spec", "finalizers").Index(i))...)
	}
	return errs
}

func validateFinalizer(name string, path *field.Path) field.ErrorList {
	return append(apivalidation.ValidateFinalizerName(name, path), api.ValidateKubeFinalizer(name, path)...)
}

func validateNamespaceStatus(obj, _ api.Object) (errs field.ErrorList) {
	ns := obj.(*corev1.Namespace)
	path := field.NewPath("status", "Phase")
	switch {
	case ns.DeletionTimestamp.IsZero() && ns.Status.Phase != corev1.NamespaceActive:
		errs = append(errs, field.Invalid(path, ns.Status.Phase, "may only be 'Active' if `deletionTimestamp` is empty"))
	case !ns.DeletionTimestamp.IsZero() && ns.Status.Phase != corev1.NamespaceTerminating:
		errs = append(errs, field.Invalid(path, ns.Status.Phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"))
	}
	return errs
}
