package core

import (
	"context"
	"strconv"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podtemplate"
)

// ReplicationController is the resource replicationcontrollers: what was there
// before ReplicaSets. Of all kinds it alone leaves its dependents by default.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/replication-controller-v1/
var ReplicationController = &api.Resource{
	Version:    "v1",
	Kind:       "ReplicationController",
	Plural:     "replicationcontrollers",
	Singular:   "replicationcontroller",
	ShortNames: []string{"rc"},
	Categories: []string{"all"},
	Namespaced: true,
	// Upstream's own exception: the kind is older than the name.
	StoragePath: "controllers",
	New:         func() api.Object { return &corev1.ReplicationController{} },
	NewList:     func() runtime.Object { return &corev1.ReplicationControllerList{} },

	Default:             defaultReplicationController,
	PrepareCreate:       prepareReplicationControllerCreate,
	PrepareUpdate:       prepareReplicationControllerUpdate,
	Validate:            validateReplicationController,
	ValidateUpdate:      func(obj, _ api.Object) field.ErrorList { return validateReplicationController(obj) },
	ValidateName:        laterName,
	Warnings:            replicationControllerWarnings,
	UnconditionalUpdate: true,
	DefaultOrphan:       true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Desired", "integer", corev1.ReplicationControllerSpec{}.SwaggerDoc()["replicas"]),
		api.Column("Current", "integer", corev1.ReplicationControllerStatus{}.SwaggerDoc()["replicas"]),
		api.Column("Ready", "integer", corev1.ReplicationControllerStatus{}.SwaggerDoc()["readyReplicas"]),
		api.AgeColumn,
		podtemplate.ContainersColumn,
		podtemplate.ImagesColumn,
		api.WideColumn("Selector", "string", corev1.ReplicationControllerSpec{}.SwaggerDoc()["selector"]),
	},
	Row: replicationControllerRow,

	Fields: func(obj api.Object) fields.Set {
		return fields.Set{"status.replicas": strconv.Itoa(int(obj.(*corev1.ReplicationController).Status.Replicas))}
	},
	FieldNames: []string{"status.replicas"},

	Subresources: []api.Subresource{
		api.Scale(getReplicationControllerScale, putReplicationControllerScale),
		api.Status(func(_ context.Context, to, from *corev1.ReplicationController) { to.Status = from.Status }, validateReplicationControllerStatus),
	},
}

// defaultReplicationController takes selector and labels from the template where
// they are left open.
func defaultReplicationController(obj api.Object) {
	rc := obj.(*corev1.ReplicationController)
	if template := rc.Spec.Template; template != nil {
		poddefaults.Set(&template.Spec)
		if len(rc.Spec.Selector) == 0 {
			rc.Spec.Selector = template.Labels
		}
		if len(rc.Labels) == 0 {
			rc.Labels = template.Labels
		}
	}
	if rc.Spec.Replicas == nil {
		rc.Spec.Replicas = ptr.To[int32](1)
	}
}

func prepareReplicationControllerCreate(_ context.Context, obj api.Object) {
	rc := obj.(*corev1.ReplicationController)
	rc.Status = corev1.ReplicationControllerStatus{}
	podtemplate.DropDisabled(rc.Spec.Template, nil)
	rc.Generation = 1
}

func prepareReplicationControllerUpdate(_ context.Context, obj, old api.Object) {
	rc, before := obj.(*corev1.ReplicationController), old.(*corev1.ReplicationController)
	rc.Status = before.Status
	podtemplate.DropDisabled(rc.Spec.Template, before.Spec.Template)
	if !equality.Semantic.DeepEqual(rc.Spec, before.Spec) {
		rc.Generation = before.Generation + 1
	}
}

func replicationControllerWarnings(_ context.Context, obj, old api.Object) (out []string) {
	switch {
	case old == nil:
		out = podtemplate.NameWarnings(obj.GetName())
	case old.GetGeneration() == obj.GetGeneration():
		return nil
	}
	if template := obj.(*corev1.ReplicationController).Spec.Template; template != nil {
		out = append(out, podtemplate.Warnings(template, field.NewPath("spec", "template"))...)
	}
	return out
}

func replicationControllerRow(obj api.Object, now time.Time) []any {
	rc := obj.(*corev1.ReplicationController)
	names, images := "", ""
	if rc.Spec.Template != nil {
		names, images = podtemplate.Cells(rc.Spec.Template)
	}
	return []any{
		rc.Name, int64(ptr.Deref(rc.Spec.Replicas, 0)), int64(rc.Status.Replicas), int64(rc.Status.ReadyReplicas),
		api.Age(rc.CreationTimestamp, now), names, images, metav1.FormatLabelSelector(selectorOf(rc)),
	}
}

func selectorOf(rc *corev1.ReplicationController) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: rc.Spec.Selector}
}

func getReplicationControllerScale(parent api.Object) (api.Object, error) {
	rc := parent.(*corev1.ReplicationController)
	return api.NewScale(rc, rc.Spec.Replicas, rc.Status.Replicas, selectorOf(rc))
}

func putReplicationControllerScale(_ context.Context, parent, body api.Object) error {
	return api.PutScale(&parent.(*corev1.ReplicationController).Spec.Replicas, body.(*autoscalingv1.Scale))
}
