package networking

import (
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

var ingressClassParts = api.PartsOf(func(obj *networkingv1.IngressClass) (*networkingv1.IngressClassSpec, *api.NoStatus) {
	return &obj.Spec, nil
})

// IngressClass is the resource ingressclasses: which controller serves an ingress.
//
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-class-v1/
var IngressClass = &api.Resource{
	Group:    networkingv1.GroupName,
	Version:  "v1",
	Kind:     "IngressClass",
	Plural:   "ingressclasses",
	Singular: "ingressclass",
	New:      func() api.Object { return &networkingv1.IngressClass{} },
	NewList:  func() runtime.Object { return &networkingv1.IngressClassList{} },

	Default: func(obj api.Object) {
		if parameters := obj.(*networkingv1.IngressClass).Spec.Parameters; parameters != nil && parameters.Scope == nil {
			parameters.Scope = ptr.To(networkingv1.IngressClassParametersReferenceScopeCluster)
		}
	},
	PrepareCreate:       ingressClassParts.PrepareCreate,
	PrepareUpdate:       ingressClassParts.PrepareUpdate,
	Validate:            validateIngressClass,
	ValidateUpdate:      validateIngressClassUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Controller", "string", "Controller that is responsible for handling this class"),
		api.Column("Parameters", "string", "A reference to a resource with additional parameters"),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		class := obj.(*networkingv1.IngressClass)
		name := class.Name
		if class.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			name += " (default)"
		}
		return []any{name, class.Spec.Controller, formatParameters(class.Spec.Parameters), api.Age(class.CreationTimestamp, now)}
	},
}

func formatParameters(p *networkingv1.IngressClassParametersReference) string {
	if p == nil {
		return api.None
	}
	kind := p.Kind
	if p.APIGroup != nil {
		kind += "." + *p.APIGroup
	}
	return kind + "/" + p.Name
}

// longestController bounds the name of a controller.
const longestController = 250

func validateIngressClass(obj api.Object) (errs field.ErrorList) {
	spec, path := &obj.(*networkingv1.IngressClass).Spec, field.NewPath("spec")
	controller := path.Child("controller")
	if len(spec.Controller) > longestController {
		errs = append(errs, field.TooLong(controller, "", longestController))
	}
	errs = append(errs, validation.IsDomainPrefixedPath(controller, spec.Controller)...)
	if spec.Parameters != nil {
		errs = append(errs, validateParameters(spec.Parameters, path.Child("parameters"))...)
	}
	return errs
}

func validateIngressClassUpdate(obj, old api.Object) field.ErrorList {
	errs := apivalidation.ValidateImmutableField(obj.(*networkingv1.IngressClass).Spec.Controller,
		old.(*networkingv1.IngressClass).Spec.Controller, field.NewPath("spec", "controller"))
	return append(errs, validateIngressClass(obj)...)
}

// validateParameters checks the reference. That its parts are there comes last,
// as upstream reads it off the tags of the type.
func validateParameters(p *networkingv1.IngressClassParametersReference, path *field.Path) (errs field.ErrorList) {
	if p.APIGroup != nil {
		errs = append(errs, invalid(*p.APIGroup, path.Child("apiGroup"), validation.IsDNS1123Subdomain(*p.APIGroup))...)
	}
	var missing field.ErrorList
	for _, part := range []struct{ name, value string }{{"kind", p.Kind}, {"name", p.Name}} {
		if part.value == "" {
			missing = append(missing, field.Required(path.Child(part.name), ""))
		} else {
			errs = append(errs, invalid(part.value, path.Child(part.name), pathvalidation.IsValidPathSegmentName(part.value))...)
		}
	}
	return append(append(errs, validateScope(p, path)...), missing...)
}

func validateScope(p *networkingv1.IngressClassParametersReference, path *field.Path) field.ErrorList {
	scope, namespace := path.Child("scope"), path.Child("namespace")
	if p.Scope == nil {
		return field.ErrorList{field.Required(scope, "")}
	}
	switch *p.Scope {
	case networkingv1.IngressClassParametersReferenceScopeNamespace:
		if p.Namespace == nil {
			return field.ErrorList{field.Required(namespace, "`parameters.scope` is set to 'Namespace'")}
		}
		return invalid(*p.Namespace, namespace, apivalidation.ValidateNamespaceName(*p.Namespace, false))
	case networkingv1.IngressClassParametersReferenceScopeCluster:
		if p.Namespace != nil {
			return field.ErrorList{field.Forbidden(namespace, "`parameters.scope` is set to 'Cluster'")}
		}
		return nil
	default:
		return field.ErrorList{field.NotSupported(scope, *p.Scope,
			[]string{networkingv1.IngressClassParametersReferenceScopeCluster, networkingv1.IngressClassParametersReferenceScopeNamespace})}
	}
}
