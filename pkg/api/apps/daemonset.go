package apps

import (
	"context"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podtemplate"
)

// DaemonSet is the resource daemonsets.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/daemon-set-v1/
var DaemonSet = &api.Resource{
	Group:      appsv1.GroupName,
	Version:    "v1",
	Kind:       "DaemonSet",
	Plural:     "daemonsets",
	Singular:   "daemonset",
	ShortNames: []string{"ds"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &appsv1.DaemonSet{} },
	NewList:    func() runtime.Object { return &appsv1.DaemonSetList{} },

	Default:             defaultDaemonSet,
	PrepareCreate:       prepareDaemonSetCreate,
	PrepareUpdate:       prepareDaemonSetUpdate,
	Validate:            validateDaemonSet,
	ValidateUpdate:      validateDaemonSetUpdate,
	Warnings:            warnings(daemonSetTemplate, false),
	UnconditionalUpdate: true,
	HiddenAnnotation:    appsv1.DeprecatedTemplateGeneration,

	Columns: daemonSetColumns,
	Row:     daemonSetRow,

	Subresources: []api.Subresource{
		api.Status(putDaemonSetStatus, validateDaemonSetStatus),
	},
}

var daemonSetColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Desired", "integer", appsv1.DaemonSetStatus{}.SwaggerDoc()["desiredNumberScheduled"]),
	api.Column("Current", "integer", appsv1.DaemonSetStatus{}.SwaggerDoc()["currentNumberScheduled"]),
	api.Column("Ready", "integer", appsv1.DaemonSetStatus{}.SwaggerDoc()["numberReady"]),
	api.Column("Up-to-date", "integer", appsv1.DaemonSetStatus{}.SwaggerDoc()["updatedNumberScheduled"]),
	api.Column("Available", "integer", appsv1.DaemonSetStatus{}.SwaggerDoc()["numberAvailable"]),
	api.Column("Node Selector", "string", corev1.PodSpec{}.SwaggerDoc()["nodeSelector"]),
	api.AgeColumn,
	podtemplate.ContainersColumn,
	podtemplate.ImagesColumn,
	api.WideColumn("Selector", "string", appsv1.DaemonSetSpec{}.SwaggerDoc()["selector"]),
}

func daemonSetTemplate(obj api.Object) *corev1.PodTemplateSpec {
	return &obj.(*appsv1.DaemonSet).Spec.Template
}

func daemonSetRow(obj api.Object, now time.Time) []any {
	ds := obj.(*appsv1.DaemonSet)
	names, images := podtemplate.Cells(&ds.Spec.Template)
	return []any{
		ds.Name, int64(ds.Status.DesiredNumberScheduled), int64(ds.Status.CurrentNumberScheduled), int64(ds.Status.NumberReady),
		int64(ds.Status.UpdatedNumberScheduled), int64(ds.Status.NumberAvailable), labels.FormatLabels(ds.Spec.Template.Spec.NodeSelector),
		api.Age(ds.CreationTimestamp, now), names, images, metav1.FormatLabelSelector(ds.Spec.Selector),
	}
}

func defaultDaemonSet(obj api.Object) {
	ds := obj.(*appsv1.DaemonSet)
	poddefaults.Set(&ds.Spec.Template.Spec)
	setDefault(&ds.Spec.RevisionHistoryLimit, 10)
	strategy := &ds.Spec.UpdateStrategy
	if strategy.Type == "" {
		strategy.Type = appsv1.RollingUpdateDaemonSetStrategyType
	}
	if strategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		if strategy.RollingUpdate == nil {
			strategy.RollingUpdate = &appsv1.RollingUpdateDaemonSet{}
		}
		setDefault(&strategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		setDefault(&strategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	if strategy.RollingUpdate != nil { // with another type, without effect
		setDefault(&strategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(0))
		setDefault(&strategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	setTemplateGeneration(ds, templateGeneration(ds))
}

// templateGeneration counts the templates that a DaemonSet has had. It was a field
// of its spec once; now it stands in an annotation that only the server writes.
func templateGeneration(ds *appsv1.DaemonSet) int64 {
	n, err := strconv.ParseInt(ds.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func setTemplateGeneration(ds *appsv1.DaemonSet, n int64) {
	if ds.Annotations == nil {
		ds.Annotations = map[string]string{}
	}
	ds.Annotations[appsv1.DeprecatedTemplateGeneration] = strconv.FormatInt(n, 10)
}

func prepareDaemonSetCreate(_ context.Context, obj api.Object) {
	ds := obj.(*appsv1.DaemonSet)
	ds.Status = appsv1.DaemonSetStatus{}
	podtemplate.DropDisabled(&ds.Spec.Template, nil)
	ds.Generation = 1
	setTemplateGeneration(ds, max(templateGeneration(ds), 1))
}

func prepareDaemonSetUpdate(_ context.Context, obj, old api.Object) {
	ds, before := obj.(*appsv1.DaemonSet), old.(*appsv1.DaemonSet)
	ds.Status = before.Status
	podtemplate.DropDisabled(&ds.Spec.Template, &before.Spec.Template)
	ds.Generation = before.Generation
	generation := templateGeneration(before)
	if !equality.Semantic.DeepEqual(ds.Spec.Template, before.Spec.Template) {
		generation++
	}
	setTemplateGeneration(ds, generation)
	if !equality.Semantic.DeepEqual(ds.Spec, before.Spec) {
		ds.Generation++
	}
}

// putDaemonSetStatus leaves the generation of the template alone.
func putDaemonSetStatus(_ context.Context, to, from *appsv1.DaemonSet) {
	to.Status = from.Status
	setTemplateGeneration(from, templateGeneration(to))
}
