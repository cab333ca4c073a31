package apps

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/claim"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podtemplate"
	"slowmo/pkg/api/core/podwarnings"
)

// StatefulSet is the resource statefulsets.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/stateful-set-v1/
var StatefulSet = &api.Resource{
	Group:      appsv1.GroupName,
	Version:    "v1",
	Kind:       "StatefulSet",
	Plural:     "statefulsets",
	Singular:   "statefulset",
	ShortNames: []string{"sts"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &appsv1.StatefulSet{} },
	NewList:    func() runtime.Object { return &appsv1.StatefulSetList{} },

	Default:             defaultStatefulSet,
	PrepareCreate:       prepareStatefulSetCreate,
	PrepareUpdate:       prepareStatefulSetUpdate,
	Validate:            validateStatefulSet,
	ValidateUpdate:      validateStatefulSetUpdate,
	ValidateName:        apivalidation.NameIsDNSLabel, // its pods' names begin with it
	Warnings:            statefulSetWarnings,
	UnconditionalUpdate: true,

	Columns: statefulSetColumns,
	Row:     statefulSetRow,

	Subresources: []api.Subresource{
		api.Scale(getStatefulSetScale, putStatefulSetScale),
		api.Status(func(_ context.Context, to, from *appsv1.StatefulSet) { to.Status = from.Status }, validateStatefulSetStatus),
	},
}

var statefulSetColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Ready", "string", "Number of the pod with ready state"),
	api.AgeColumn,
	podtemplate.ContainersColumn,
	podtemplate.ImagesColumn,
}

func statefulSetTemplate(obj api.Object) *corev1.PodTemplateSpec {
	return &obj.(*appsv1.StatefulSet).Spec.Template
}

func statefulSetRow(obj api.Object, now time.Time) []any {
	sts := obj.(*appsv1.StatefulSet)
	names, images := podtemplate.Cells(&sts.Spec.Template)
	ready := fmt.Sprintf("%d/%d", sts.Status.ReadyReplicas, ptr.Deref(sts.Spec.Replicas, 0))
	return []any{sts.Name, ready, api.Age(sts.CreationTimestamp, now), names, images}
}

func defaultStatefulSet(obj api.Object) {
	spec := &obj.(*appsv1.StatefulSet).Spec
	poddefaults.Set(&spec.Template.Spec)
	setDefault(&spec.Replicas, 1)
	setDefault(&spec.RevisionHistoryLimit, 10)
	if spec.PodManagementPolicy == "" {
		spec.PodManagementPolicy = appsv1.OrderedReadyPodManagement
	}
	defaultStatefulSetStrategy(&spec.UpdateStrategy)

	setDefault(&spec.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
	for _, policy := range []*appsv1.PersistentVolumeClaimRetentionPolicyType{
		&spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted, &spec.PersistentVolumeClaimRetentionPolicy.WhenScaled} {
		if *policy == "" {
			*policy = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
		}
	}
	for i := range spec.VolumeClaimTemplates {
		c := &spec.VolumeClaimTemplates[i]
		c.SetGroupVersionKind(api.CoreKind("PersistentVolumeClaim"))
		claim.Default(c)
	}
}

func defaultStatefulSetStrategy(s *appsv1.StatefulSetUpdateStrategy) {
	if s.Type == "" {
		s.Type = appsv1.RollingUpdateStatefulSetStrategyType
		setDefault(&s.RollingUpdate, appsv1.RollingUpdateStatefulSetStrategy{})
	}
	// Who names the type and nothing else gets nothing else.
	if s.Type == appsv1.RollingUpdateStatefulSetStrategyType && s.RollingUpdate != nil {
		setDefault(&s.RollingUpdate.Partition, 0)
		setDefault(&s.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
	}
}

func prepareStatefulSetCreate(_ context.Context, obj api.Object) {
	sts := obj.(*appsv1.StatefulSet)
	sts.Status = appsv1.StatefulSetStatus{}
	podtemplate.DropDisabled(&sts.Spec.Template, nil)
	sts.Generation = 1
}

func prepareStatefulSetUpdate(_ context.Context, obj, old api.Object) {
	sts, before := obj.(*appsv1.StatefulSet), old.(*appsv1.StatefulSet)
	sts.Status = before.Status
	podtemplate.DropDisabled(&sts.Spec.Template, &before.Spec.Template)
	sts.Generation = before.Generation
	if !equality.Semantic.DeepEqual(sts.Spec, before.Spec) {
		sts.Generation++
	}
}

func statefulSetWarnings(ctx context.Context, obj, old api.Object) []string {
	spec, out := &obj.(*appsv1.StatefulSet).Spec, warnings(statefulSetTemplate, false)(ctx, obj, old)
	for i := range spec.VolumeClaimTemplates {
		path := field.NewPath("spec", "volumeClaimTemplates").Index(i)
		if old != nil {
			path = path.Child("Spec") // so upstream
		}
		out = append(out, podwarnings.Claim(&spec.VolumeClaimTemplates[i].Spec, path)...)
	}
	if ptr.Deref(spec.RevisionHistoryLimit, 0) < 0 {
		out = append(out, "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended")
	}
	return out
}

func getStatefulSetScale(parent api.Object) (api.Object, error) {
	sts := parent.(*appsv1.StatefulSet)
	return api.NewScale(sts, sts.Spec.Replicas, sts.Status.Replicas, sts.Spec.Selector)
}

func putStatefulSetScale(_ context.Context, parent, body api.Object) error {
	sts, scale := parent.(*appsv1.StatefulSet), body.(*autoscalingv1.Scale)
	return api.PutScale(&sts.Spec.Replicas, scale)
}
