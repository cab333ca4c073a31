package core

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podspec"
	"slowmo/pkg/api/core/podtemplate"
)

// PodTemplate is the resource podtemplates: a template that is kept by itself.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-template-v1/
var PodTemplate = &api.Resource{
	Version:       "v1",
	Kind:          "PodTemplate",
	Plural:        "podtemplates",
	Singular:      "podtemplate",
	Namespaced:    true,
	ReturnDeleted: true,
	New:           func() api.Object { return &corev1.PodTemplate{} },
	NewList:       func() runtime.Object { return &corev1.PodTemplateList{} },

	Default:             func(obj api.Object) { poddefaults.Set(&obj.(*corev1.PodTemplate).Template.Spec) },
	PrepareCreate:       preparePodTemplateCreate,
	PrepareUpdate:       preparePodTemplateUpdate,
	Validate:            validatePodTemplate,
	ValidateUpdate:      func(obj, _ api.Object) field.ErrorList { return validatePodTemplate(obj) },
	Warnings:            podTemplateWarnings,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Containers", "string", podtemplate.ContainersColumn.Description),
		api.Column("Images", "string", podtemplate.ImagesColumn.Description),
		api.Column("Pod Labels", "string", "The labels for the pod template."),
	},
	Row: func(obj api.Object, _ time.Time) []any {
		template := &obj.(*corev1.PodTemplate).Template
		names, images := podtemplate.Cells(template)
		return []any{obj.GetName(), names, images, metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: template.Labels})}
	},
}

func preparePodTemplateCreate(_ context.Context, obj api.Object) {
	podtemplate.DropDisabled(&obj.(*corev1.PodTemplate).Template, nil)
	obj.SetGeneration(1)
}

func preparePodTemplateUpdate(_ context.Context, obj, old api.Object) {
	template, before := &obj.(*corev1.PodTemplate).Template, &old.(*corev1.PodTemplate).Template
	podtemplate.DropDisabled(template, before)
	if !equality.Semantic.DeepEqual(template, before) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

func validatePodTemplate(obj api.Object) field.ErrorList {
	return podspec.ValidateTemplate(&obj.(*corev1.PodTemplate).Template, field.NewPath("template"))
}

func podTemplateWarnings(_ context.Context, obj, old api.Object) []string {
	if old != nil && old.GetGeneration() == obj.GetGeneration() {
		return nil
	}
	return podtemplate.Warnings(&obj.(*corev1.PodTemplate).Template, field.NewPath("template"))
}
