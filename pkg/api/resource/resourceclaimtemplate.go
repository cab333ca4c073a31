package resource

import (
	"context"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// ResourceClaimTemplate is the resource resourceclaimtemplates: the claim that
// is made for each pod that names the template.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/resource-claim-template-v1/
var ResourceClaimTemplate = &api.Resource{
	Group:      resourcev1.GroupName,
	Version:    "v1",
	Kind:       "ResourceClaimTemplate",
	Plural:     "resourceclaimtemplates",
	Singular:   "resourceclaimtemplate",
	Namespaced: true,
	New:        func() api.Object { return &resourcev1.ResourceClaimTemplate{} },
	NewList:    func() runtime.Object { return &resourcev1.ResourceClaimTemplateList{} },

	Default: func(obj api.Object) { defaultClaim(&obj.(*resourcev1.ResourceClaimTemplate).Spec.Spec.Devices) },
	PrepareCreate: func(_ context.Context, obj api.Object) {
		dropFromClaim(&obj.(*resourcev1.ResourceClaimTemplate).Spec.Spec.Devices)
	},
	PrepareUpdate: func(_ context.Context, obj, _ api.Object) {
		dropFromClaim(&obj.(*resourcev1.ResourceClaimTemplate).Spec.Spec.Devices)
	},
	Validate:            validateTemplate,
	ValidateUpdate:      validateTemplateUpdate,
	UnconditionalUpdate: true,
	ReturnDeleted:       true,
	Warnings: func(_ context.Context, obj, _ api.Object) []string {
		return claimWarnings(&obj.(*resourcev1.ResourceClaimTemplate).Spec.Spec.Devices, field.NewPath("spec", "spec", "devices"))
	},

	Columns: []metav1.TableColumnDefinition{api.NameColumn, api.AgeColumn},
	Row: func(obj api.Object, now time.Time) []any {
		return []any{obj.GetName(), api.Age(obj.GetCreationTimestamp(), now)}
	},
}

func validateTemplate(obj api.Object) field.ErrorList { return checkTemplate(obj).all() }

func checkTemplate(obj api.Object) *check {
	spec, path := &obj.(*resourcev1.ResourceClaimTemplate).Spec, field.NewPath("spec")
	c := &check{errs: api.ValidateTemplateMeta(&spec.ObjectMeta, path.Child("metadata"))}
	c.claim(&spec.Spec.Devices, path.Child("spec", "devices"))
	return c
}

func validateTemplateUpdate(obj, old api.Object) field.ErrorList {
	c, spec := checkTemplate(obj), obj.(*resourcev1.ResourceClaimTemplate).Spec
	if !equality.Semantic.DeepEqual(spec, old.(*resourcev1.ResourceClaimTemplate).Spec) {
		c.add(field.Invalid(field.NewPath("spec"), api.Internal(spec), apivalidation.FieldImmutableErrorMsg))
	}
	return c.all()
}
