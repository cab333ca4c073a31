package pod

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podsecurity"
	"slowmo/pkg/api/core/podwarnings"
)

// Resource is the definition of pods: containers that run together on one node.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
var Resource = &api.Resource{
	Version:       "v1",
	Kind:          "Pod",
	Plural:        "pods",
	Singular:      "pod",
	ShortNames:    []string{"po"},
	Categories:    []string{"all"},
	Namespaced:    true,
	ReturnDeleted: true,
	New:           func() api.Object { return &corev1.Pod{} },
	NewList:       func() runtime.Object { return &corev1.PodList{} },

	Default:             defaultPod,
	PrepareCreate:       preparePodCreate,
	PrepareUpdate:       preparePodUpdate,
	Validate:            validatePod,
	ValidateUpdate:      validatePodUpdate,
	Warnings:            podWarnings,
	UnconditionalUpdate: true,
	Grace:               podGrace,

	Columns:       podColumns,
	Row:           podRow,
	RowConditions: podRowConditions,

	Fields: podFields,
	FieldNames: []string{"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
		"spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"},

	Subresources: []api.Subresource{
		api.Connect("attach", api.CoreKind("PodAttachOptions"), "create", "get"),
		api.Action("binding", api.CoreKind("Binding"), func() api.Object { return &corev1.Binding{} }),
		{
			Name: "ephemeralcontainers", Verbs: []string{"get", "patch", "update"},
			Get: wholePod, Put: putEphemeralContainers, Validate: validateEphemeralUpdate,
		},
		api.Action("eviction", policyv1.SchemeGroupVersion.WithKind("Eviction"), func() api.Object { return &policyv1.Eviction{} }),
		api.Connect("exec", api.CoreKind("PodExecOptions"), "create", "get"),
		api.Connect("log", api.CoreKind("Pod"), "get"),
		api.Connect("portforward", api.CoreKind("PodPortForwardOptions"), "create", "get"),
		api.Connect("proxy", api.CoreKind("PodProxyOptions"), api.ProxyVerbs...),
		{
			Name: "resize", Verbs: []string{"get", "patch", "update"},
			Get: wholePod, Put: putPodResize, Validate: validateResize,
		},
		podStatus(),
	},
}

// podWarnings speaks of new pods alone: hardly a person updates one.
func podWarnings(_ context.Context, obj, old api.Object) []string {
	if old != nil {
		return nil
	}
	pod := obj.(*corev1.Pod)
	var out []string
	if msgs := validation.IsDNS1123Label(pod.Name); len(msgs) > 0 {
		out = append(out, fmt.Sprintf("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: %v", msgs))
	}
	return append(out, podwarnings.Of(&pod.ObjectMeta, &pod.Spec, nil)...)
}

func defaultPod(obj api.Object) {
	pod := obj.(*corev1.Pod)
	poddefaults.Set(&pod.Spec)
	poddefaults.SetPod(&pod.Spec)

	// The first of podIPs is podIP; what a client sends as podIP wins.
	switch ips := pod.Status.PodIPs; {
	case pod.Status.PodIP == "" && len(ips) > 0:
		pod.Status.PodIP = ips[0].IP
	case pod.Status.PodIP != "" && (len(ips) == 0 || ips[0].IP != pod.Status.PodIP):
		pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	}
}

func preparePodCreate(ctx context.Context, obj api.Object) {
	pod := obj.(*corev1.Pod)
	pod.Generation = 1
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
	poddefaults.DropDisabled(pod.Annotations, &pod.Spec, nil)
	if len(pod.Spec.SchedulingGates) > 0 {
		pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse,
			LastTransitionTime: api.Now(ctx),
			Reason:             corev1.PodReasonSchedulingGated,
			Message:            "Scheduling is blocked due to non-empty scheduling gates",
		}}
	}
	mergeLabelKeys(&pod.Spec, pod.Labels)
	for _, key := range podsecurity.AdoptAppArmor(pod.Annotations, &pod.Spec) {
		api.Warn(ctx, podwarnings.AppArmor(key))
	}
	poddefaults.CompleteResources(&pod.Spec)
	pod.Status.QOSClass = QOSClass(pod)
}

// preparePodUpdate counts changes of the spec as generations; binding is none.
//
// https://kep.k8s.io/5067
func preparePodUpdate(_ context.Context, obj, old api.Object) {
	pod, before := obj.(*corev1.Pod), old.(*corev1.Pod)
	pod.Status = before.Status
	pod.Generation = before.Generation
	// A client that does not know resources at the pod's level leaves them out.
	if pod.Spec.Resources == nil {
		pod.Spec.Resources = before.Spec.Resources.DeepCopy()
	}
	poddefaults.DropDisabled(pod.Annotations, &pod.Spec, &before.Spec)
	if !equality.Semantic.DeepEqual(pod.Spec, before.Spec) {
		pod.Generation++
	}
}

// podGrace returns how long a pod may take to stop: what the client asks for,
// else what the pod does, but no time for one that never ran or has ended.
func podGrace(obj api.Object, opts *metav1.DeleteOptions) int64 {
	pod := obj.(*corev1.Pod)
	var seconds int64
	switch {
	case pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded:
		seconds = 0
	case opts.GracePeriodSeconds != nil:
		seconds = *opts.GracePeriodSeconds
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		seconds = *pod.Spec.TerminationGracePeriodSeconds
	}
	if seconds < 0 {
		seconds = 1
	}
	opts.GracePeriodSeconds = &seconds
	return seconds
}

func podFields(obj api.Object) fields.Set {
	pod := obj.(*corev1.Pod)
	ip := ""
	if len(pod.Status.PodIPs) > 0 {
		ip = pod.Status.PodIPs[0].IP
	}
	return fields.Set{
		"spec.nodeName":            pod.Spec.NodeName,
		"spec.restartPolicy":       string(pod.Spec.RestartPolicy),
		"spec.schedulerName":       pod.Spec.SchedulerName,
		"spec.serviceAccountName":  pod.Spec.ServiceAccountName,
		"spec.hostNetwork":         strconv.FormatBool(pod.Spec.HostNetwork),
		"status.phase":             string(pod.Status.Phase),
		"status.podIP":             ip,
		"status.nominatedNodeName": pod.Status.NominatedNodeName,
	}
}
