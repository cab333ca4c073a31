package networking

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

var ingressParts = api.PartsOf(func(obj *networkingv1.Ingress) (*networkingv1.IngressSpec, *networkingv1.IngressStatus) {
	return &obj.Spec, &obj.Status
})

// Ingress is the resource ingresses: how HTTP from outside reaches services.
//
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/
var Ingress = &api.Resource{
	Group:      networkingv1.GroupName,
	Version:    "v1",
	Kind:       "Ingress",
	Plural:     "ingresses",
	Singular:   "ingress",
	ShortNames: []string{"ing"},
	Namespaced: true,
	// The key that ingresses have had since they were of the group extensions.
	StoragePath: "ingress",
	New:         func() api.Object { return &networkingv1.Ingress{} },
	NewList:     func() runtime.Object { return &networkingv1.IngressList{} },

	PrepareCreate:       ingressParts.PrepareCreate,
	PrepareUpdate:       ingressParts.PrepareUpdate,
	Validate:            validateIngress,
	ValidateUpdate:      validateIngressUpdate,
	UnconditionalUpdate: true,
	Warnings:            ingressWarnings,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Class", "string", "The name of the IngressClass resource that should be used for additional configuration"),
		api.Column("Hosts", "string", "Hosts that incoming requests are matched against before the ingress rule"),
		api.Column("Address", "string", "Address is a list containing ingress points for the load-balancer"),
		api.Column("Ports", "string", "Ports of TLS configurations that open"),
		api.AgeColumn,
	},
	Row: ingressRow,

	Subresources: []api.Subresource{
		ingressParts.Status(validateIngressStatus),
	},
}

func ingressRow(obj api.Object, now time.Time) []any {
	ingress := obj.(*networkingv1.Ingress)
	ports := "80"
	if len(ingress.Spec.TLS) > 0 {
		ports = "80, 443"
	}
	return []any{ingress.Name, ptr.Deref(ingress.Spec.IngressClassName, api.None), formatHosts(ingress.Spec.Rules),
		formatAddresses(ingress.Status.LoadBalancer.Ingress), ports, api.Age(ingress.CreationTimestamp, now)}
}

// formatHosts shows the first three hosts. Rules without a host count among
// those that are left out.
func formatHosts(rules []networkingv1.IngressRule) string {
	const shown = 3
	var hosts []string
	for _, rule := range rules {
		if len(hosts) == shown {
			return fmt.Sprintf("%s + %d more...", strings.Join(hosts, ","), len(rules)-shown)
		}
		if rule.Host != "" {
			hosts = append(hosts, rule.Host)
		}
	}
	if len(hosts) == 0 {
		return "*"
	}
	return strings.Join(hosts, ",")
}

func formatAddresses(points []networkingv1.IngressLoadBalancerIngress) string {
	var addresses []string
	for _, point := range points {
		switch {
		case point.IP != "":
			addresses = append(addresses, point.IP)
		case point.Hostname != "":
			addresses = append(addresses, point.Hostname)
		}
	}
	slices.Sort(addresses)
	return strings.Join(slices.Compact(addresses), ",")
}

// classAnnotation named the class before there was a field for it.
const classAnnotation = "kubernetes.io/ingress.class"

func ingressWarnings(_ context.Context, obj, old api.Object) (warnings []string) {
	ingress := obj.(*networkingv1.Ingress)
	if old == nil {
		if _, set := ingress.Annotations[classAnnotation]; set && ingress.Spec.IngressClassName == nil {
			warnings = append(warnings, fmt.Sprintf("annotation %q is deprecated, please use 'spec.ingressClassName' instead", classAnnotation))
		}
		return warnings
	}
	if equality.Semantic.DeepEqual(ingress.Status, old.(*networkingv1.Ingress).Status) {
		return nil // no status write
	}
	path := field.NewPath("status", "loadBalancer", "ingress")
	for i, point := range ingress.Status.LoadBalancer.Ingress {
		if point.IP != "" {
			warnings = append(warnings, validation.GetWarningsForIP(path.Index(i), point.IP)...)
		}
	}
	return warnings
}
