package apps

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podtemplate"
)

// ReplicaSet is the resource replicasets.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/replica-set-v1/
var ReplicaSet = &api.Resource{
	Group:      appsv1.GroupName,
	Version:    "v1",
	Kind:       "ReplicaSet",
	Plural:     "replicasets",
	Singular:   "replicaset",
	ShortNames: []string{"rs"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &appsv1.ReplicaSet{} },
	NewList:    func() runtime.Object { return &appsv1.ReplicaSetList{} },

	Default:             defaultReplicaSet,
	PrepareCreate:       prepareReplicaSetCreate,
	PrepareUpdate:       prepareReplicaSetUpdate,
	Validate:            validateReplicaSet,
	ValidateUpdate:      validateReplicaSetUpdate,
	Warnings:            warnings(replicaSetTemplate, true),
	UnconditionalUpdate: true,

	Columns: replicaSetColumns,
	Row:     replicaSetRow,

	Subresources: []api.Subresource{
		api.Scale(getReplicaSetScale, putReplicaSetScale),
		api.Status(func(_ context.Context, to, from *appsv1.ReplicaSet) { to.Status = from.Status }, validateReplicaSetStatus),
	},
}

var replicaSetColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Desired", "integer", appsv1.ReplicaSetSpec{}.SwaggerDoc()["replicas"]),
	api.Column("Current", "integer", appsv1.ReplicaSetStatus{}.SwaggerDoc()["replicas"]),
	api.Column("Ready", "integer", appsv1.ReplicaSetStatus{}.SwaggerDoc()["readyReplicas"]),
	api.AgeColumn,
	podtemplate.ContainersColumn,
	podtemplate.ImagesColumn,
	api.WideColumn("Selector", "string", appsv1.ReplicaSetSpec{}.SwaggerDoc()["selector"]),
}

func replicaSetTemplate(obj api.Object) *corev1.PodTemplateSpec {
	return &obj.(*appsv1.ReplicaSet).Spec.Template
}

func replicaSetRow(obj api.Object, now time.Time) []any {
	rs := obj.(*appsv1.ReplicaSet)
	names, images := podtemplate.Cells(&rs.Spec.Template)
	return []any{
		rs.Name, int64(ptr.Deref(rs.Spec.Replicas, 0)), int64(rs.Status.Replicas), int64(rs.Status.ReadyReplicas),
		api.Age(rs.CreationTimestamp, now), names, images, metav1.FormatLabelSelector(rs.Spec.Selector),
	}
}

func defaultReplicaSet(obj api.Object) {
	rs := obj.(*appsv1.ReplicaSet)
	poddefaults.Set(&rs.Spec.Template.Spec)
	setDefault(&rs.Spec.Replicas, 1)
}

func prepareReplicaSetCreate(_ context.Context, obj api.Object) {
	rs := obj.(*appsv1.ReplicaSet)
	rs.Status = appsv1.ReplicaSetStatus{}
	podtemplate.DropDisabled(&rs.Spec.Template, nil)
	rs.Generation = 1
}

func prepareReplicaSetUpdate(_ context.Context, obj, old api.Object) {
	rs, before := obj.(*appsv1.ReplicaSet), old.(*appsv1.ReplicaSet)
	rs.Status = before.Status
	podtemplate.DropDisabled(&rs.Spec.Template, &before.Spec.Template)
	rs.Generation = before.Generation
	if !equality.Semantic.DeepEqual(rs.Spec, before.Spec) {
		rs.Generation++
	}
}

func getReplicaSetScale(parent api.Object) (api.Object, error) {
	rs := parent.(*appsv1.ReplicaSet)
	return api.NewScale(rs, rs.Spec.Replicas, rs.Status.Replicas, rs.Spec.Selector)
}

func putReplicaSetScale(_ context.Context, parent, body api.Object) error {
	rs, scale := parent.(*appsv1.ReplicaSet), body.(*autoscalingv1.Scale)
	return api.PutScale(&rs.Spec.Replicas, scale)
}
