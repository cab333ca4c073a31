package limits

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/resources"
)

// Quota is the definition of resourcequotas: how much the objects of a
// namespace may use together.
//
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/resource-quota-v1/
var Quota = &api.Resource{
	Version:       "v1",
	Kind:          "ResourceQuota",
	Plural:        "resourcequotas",
	Singular:      "resourcequota",
	ShortNames:    []string{"quota"},
	Namespaced:    true,
	ReturnDeleted: true,
	New:           func() api.Object { return &corev1.ResourceQuota{} },
	NewList:       func() runtime.Object { return &corev1.ResourceQuotaList{} },

	Default: defaultResourceQuota,
	PrepareCreate: func(_ context.Context, obj api.Object) {
		obj.(*corev1.ResourceQuota).Status = corev1.ResourceQuotaStatus{}
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		obj.(*corev1.ResourceQuota).Status = old.(*corev1.ResourceQuota).Status
	},
	Validate:            validateResourceQuota,
	ValidateUpdate:      validateResourceQuotaUpdate,
	Warnings:            resourceQuotaWarnings,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Request", "string", "Request represents a minimum amount of cpu/memory that a container may consume."),
		api.Column("Limit", "string", "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node."),
		api.AgeColumn,
	},
	Row: resourceQuotaRow,

	Subresources: []api.Subresource{
		api.Status(func(_ context.Context, to, from *corev1.ResourceQuota) { to.Status = from.Status }, validateResourceQuotaStatus),
	},
}

func defaultResourceQuota(obj api.Object) {
	quota := obj.(*corev1.ResourceQuota)
	resources.Round(quota.Spec.Hard)
	resources.Round(quota.Status.Hard)
	resources.Round(quota.Status.Used)
}

// resourceQuotaWarnings speaks of a new quota that lets more be requested than used.
func resourceQuotaWarnings(_ context.Context, obj, old api.Object) (out []string) {
	if old != nil {
		return nil
	}
	hard := obj.(*corev1.ResourceQuota).Spec.Hard
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceStorage, corev1.ResourceEphemeralStorage} {
		requests, limits := "requests."+name, "limits."+name
		request, ok := hard[requests]
		if !ok && (name == corev1.ResourceCPU || name == corev1.ResourceMemory) {
			requests = name // which says the same
			request, ok = hard[name]
		}
		if limit, both := hard[limits]; ok && both && request.Cmp(limit) > 0 {
			out = append(out, fmt.Sprintf("ResourceQuota %s (%s) should be less than %s (%s)", requests, request.String(), limits, limit.String()))
		}
	}
	return out
}

func resourceQuotaRow(obj api.Object, now time.Time) []any {
	quota := obj.(*corev1.ResourceQuota)
	var requests, limits []string
	for _, name := range resources.Names(quota.Status.Hard) {
		used, hard := quota.Status.Used[name], quota.Status.Hard[name]
		text := fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String())
		if strings.HasPrefix(string(name), "limits.") {
			limits = append(limits, text)
		} else {
			requests = append(requests, text)
		}
	}
	return []any{quota.Name, strings.Join(requests, ", "), strings.Join(limits, ", "), api.Age(quota.CreationTimestamp, now)}
}
