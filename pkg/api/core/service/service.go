package service

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// Resource is the definition of services. Their addresses and node ports are allocated
// by the server, before validation; what is particular to the kind is here.
//
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/
var Resource = &api.Resource{
	Version:     "v1",
	Kind:        "Service",
	Plural:      "services",
	Singular:    "service",
	ShortNames:  []string{"svc"},
	Categories:  []string{"all"},
	Namespaced:  true,
	StoragePath: "services/specs",
	New:         func() api.Object { return &corev1.Service{} },
	NewList:     func() runtime.Object { return &corev1.ServiceList{} },

	ReturnDeleted: true,

	Default:             defaultService,
	PrepareCreate:       prepareServiceCreate,
	PrepareUpdate:       prepareServiceUpdate,
	ValidateName:        apivalidation.NameIsDNSLabel,
	Validate:            validateService,
	ValidateUpdate:      validateServiceUpdate,
	Warnings:            serviceWarnings,
	CreateOnUpdate:      true,
	UnconditionalUpdate: true,

	Columns: serviceColumns,
	Row:     serviceRow,

	Fields: func(obj api.Object) fields.Set {
		s := obj.(*corev1.Service)
		return fields.Set{"spec.clusterIP": s.Spec.ClusterIP, "spec.type": string(s.Spec.Type)}
	},
	FieldNames: []string{"spec.clusterIP", "spec.type"},

	Subresources: []api.Subresource{
		api.Connect("proxy", api.CoreKind("ServiceProxyOptions"), api.ProxyVerbs...),
		serviceStatus(),
	},
}

func serviceStatus() api.Subresource {
	status := api.Status(func(_ context.Context, to, from *corev1.Service) { to.Status = from.Status }, validateServiceStatus)
	status.Warnings = serviceStatusWarnings
	return status
}

var serviceSpecDoc = corev1.ServiceSpec{}.SwaggerDoc()

var serviceColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Type", "string", serviceSpecDoc["type"]),
	api.Column("Cluster-IP", "string", serviceSpecDoc["clusterIP"]),
	api.Column("External-IP", "string", serviceSpecDoc["externalIPs"]),
	api.Column("Port(s)", "string", serviceSpecDoc["ports"]),
	api.AgeColumn,
	api.WideColumn("Selector", "string", serviceSpecDoc["selector"]),
}

func serviceRow(obj api.Object, now time.Time) []any {
	s := obj.(*corev1.Service)
	clusterIP := api.None
	if len(s.Spec.ClusterIPs) > 0 {
		clusterIP = s.Spec.ClusterIPs[0]
	}
	return []any{
		s.Name, string(s.Spec.Type), clusterIP, externalAddress(s), portsCell(s.Spec.Ports),
		api.Age(s.CreationTimestamp, now), labels.FormatLabels(s.Spec.Selector),
	}
}

func externalAddress(s *corev1.Service) string {
	switch s.Spec.Type {
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		balancers := sets.New[string]()
		for _, ingress := range s.Status.LoadBalancer.Ingress {
			if ingress.IP != "" {
				balancers.Insert(ingress.IP)
			} else if ingress.Hostname != "" {
				balancers.Insert(ingress.Hostname)
			}
		}
		addresses := append(slices.Sorted(maps.Keys(balancers)), s.Spec.ExternalIPs...)
		if len(addresses) == 0 {
			return "<pending>"
		}
		return strings.Join(addresses, ",")
	default:
		return api.OrNone(strings.Join(s.Spec.ExternalIPs, ","))
	}
}

func portsCell(ports []corev1.ServicePort) string {
	var list []string
	for _, port := range ports {
		if port.NodePort > 0 {
			list = append(list, fmt.Sprintf("%d:%d/%s", port.Port, port.NodePort, port.Protocol))
		} else {
			list = append(list, fmt.Sprintf("%d/%s", port.Port, port.Protocol))
		}
	}
	return api.OrNone(strings.Join(list, ","))
}

func defaultService(obj api.Object) {
	s := obj.(*corev1.Service)
	defaultAffinity(&s.Spec)
	if s.Spec.Type == "" {
		s.Spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range s.Spec.Ports {
		port := &s.Spec.Ports[i]
		if port.Protocol == "" {
			port.Protocol = corev1.ProtocolTCP
		}
		if port.TargetPort == intstr.FromInt32(0) || port.TargetPort == intstr.FromString("") {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
	if isExternal(&s.Spec) && s.Spec.ExternalTrafficPolicy == "" {
		s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	}
	if hasClusterIP(&s.Spec) && s.Spec.InternalTrafficPolicy == nil {
		s.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyCluster)
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		if s.Spec.AllocateLoadBalancerNodePorts == nil {
			s.Spec.AllocateLoadBalancerNodePorts = ptr.To(true)
		}
		for i := range s.Status.LoadBalancer.Ingress {
			if ingress := &s.Status.LoadBalancer.Ingress[i]; ingress.IP != "" && ingress.IPMode == nil {
				ingress.IPMode = ptr.To(corev1.LoadBalancerIPModeVIP)
			}
		}
	}
}

func defaultAffinity(spec *corev1.ServiceSpec) {
	switch spec.SessionAffinity {
	case "", corev1.ServiceAffinityNone:
		spec.SessionAffinity = corev1.ServiceAffinityNone
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityClientIP:
		if c := spec.SessionAffinityConfig; c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{
				ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To(corev1.DefaultClientIPServiceAffinitySeconds)},
			}
		}
	}
}
