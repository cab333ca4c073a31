package apps

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podtemplate"
)

// Deployment is the resource deployments.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/
var Deployment = &api.Resource{
	Group:      appsv1.GroupName,
	Version:    "v1",
	Kind:       "Deployment",
	Plural:     "deployments",
	Singular:   "deployment",
	ShortNames: []string{"deploy"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &appsv1.Deployment{} },
	NewList:    func() runtime.Object { return &appsv1.DeploymentList{} },

	Default:             defaultDeployment,
	PrepareCreate:       prepareDeploymentCreate,
	PrepareUpdate:       prepareDeploymentUpdate,
	Validate:            validateDeployment,
	ValidateUpdate:      validateDeploymentUpdate,
	Warnings:            warnings(deploymentTemplate, true),
	UnconditionalUpdate: true,

	Columns: deploymentColumns,
	Row:     deploymentRow,

	Subresources: []api.Subresource{
		api.Scale(getDeploymentScale, putDeploymentScale),
		api.Status(putDeploymentStatus, validateDeploymentStatus),
	},
}

var deploymentColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Ready", "string", "Number of the pod with ready state"),
	api.Column("Up-to-date", "string", appsv1.DeploymentStatus{}.SwaggerDoc()["updatedReplicas"]),
	api.Column("Available", "string", appsv1.DeploymentStatus{}.SwaggerDoc()["availableReplicas"]),
	api.AgeColumn,
	podtemplate.ContainersColumn,
	podtemplate.ImagesColumn,
	api.WideColumn("Selector", "string", appsv1.DeploymentSpec{}.SwaggerDoc()["selector"]),
}

func deploymentTemplate(obj api.Object) *corev1.PodTemplateSpec {
	return &obj.(*appsv1.Deployment).Spec.Template
}

func deploymentRow(obj api.Object, now time.Time) []any {
	d := obj.(*appsv1.Deployment)
	names, images := podtemplate.Cells(&d.Spec.Template)
	return []any{
		d.Name, fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, ptr.Deref(d.Spec.Replicas, 0)),
		int64(d.Status.UpdatedReplicas), int64(d.Status.AvailableReplicas), api.Age(d.CreationTimestamp, now),
		names, images, metav1.FormatLabelSelector(d.Spec.Selector),
	}
}

func defaultDeployment(obj api.Object) {
	spec := &obj.(*appsv1.Deployment).Spec
	poddefaults.Set(&spec.Template.Spec)
	setDefault(&spec.Replicas, 1)
	setDefault(&spec.RevisionHistoryLimit, 10)
	setDefault(&spec.ProgressDeadlineSeconds, 600)
	if spec.Strategy.Type == "" {
		spec.Strategy.Type = appsv1.RollingUpdateDeploymentStrategyType
	}
	if spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		if spec.Strategy.RollingUpdate == nil {
			spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{}
		}
		setDefault(&spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		setDefault(&spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
}

func prepareDeploymentCreate(_ context.Context, obj api.Object) {
	d := obj.(*appsv1.Deployment)
	d.Status = appsv1.DeploymentStatus{}
	podtemplate.DropDisabled(&d.Spec.Template, nil)
	d.Generation = 1
}

func prepareDeploymentUpdate(_ context.Context, obj, old api.Object) {
	d, before := obj.(*appsv1.Deployment), old.(*appsv1.Deployment)
	d.Status = before.Status
	podtemplate.DropDisabled(&d.Spec.Template, &before.Spec.Template)
	d.Generation = before.Generation
	// Annotations count too: some are copied to the replica sets.
	if !equality.Semantic.DeepEqual(d.Spec, before.Spec) || !equality.Semantic.DeepEqual(d.Annotations, before.Annotations) {
		d.Generation++
	}
}

// putDeploymentStatus leaves the labels alone.
func putDeploymentStatus(_ context.Context, to, from *appsv1.Deployment) {
	to.Status, from.Labels = from.Status, to.Labels
}

func getDeploymentScale(parent api.Object) (api.Object, error) {
	d := parent.(*appsv1.Deployment)
	return api.NewScale(d, d.Spec.Replicas, d.Status.Replicas, d.Spec.Selector)
}

func putDeploymentScale(_ context.Context, parent, body api.Object) error {
	d, scale := parent.(*appsv1.Deployment), body.(*autoscalingv1.Scale)
	return api.PutScale(&d.Spec.Replicas, scale)
}
