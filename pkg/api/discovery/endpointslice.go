package discovery

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// EndpointSlice is the resource endpointslices: where a service's traffic goes.
//
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
var EndpointSlice = &api.Resource{
	Group:      discoveryv1.GroupName,
	Version:    "v1",
	Kind:       "EndpointSlice",
	Plural:     "endpointslices",
	Singular:   "endpointslice",
	Namespaced: true,
	New:        func() api.Object { return &discoveryv1.EndpointSlice{} },
	NewList:    func() runtime.Object { return &discoveryv1.EndpointSliceList{} },

	Default:             defaultSlice,
	PrepareCreate:       prepareSliceCreate,
	PrepareUpdate:       prepareSliceUpdate,
	Validate:            validateSlice,
	ValidateUpdate:      validateSliceUpdate,
	UnconditionalUpdate: true,
	Warnings:            sliceWarnings,

	Columns: sliceColumns,
	Row: func(obj api.Object, now time.Time) []any {
		s := obj.(*discoveryv1.EndpointSlice)
		return []any{s.Name, string(s.AddressType), formatPorts(s.Ports), formatEndpoints(s.Endpoints), api.Age(s.CreationTimestamp, now)}
	},
}

var sliceDoc = discoveryv1.EndpointSlice{}.SwaggerDoc()

var sliceColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("AddressType", "string", sliceDoc["addressType"]),
	api.Column("Ports", "string", sliceDoc["ports"]),
	api.Column("Endpoints", "string", sliceDoc["endpoints"]),
	api.AgeColumn,
}

func defaultSlice(obj api.Object) {
	ports := obj.(*discoveryv1.EndpointSlice).Ports
	for i := range ports {
		if ports[i].Name == nil {
			ports[i].Name = ptr.To("")
		}
		if ports[i].Protocol == nil {
			ports[i].Protocol = ptr.To(corev1.ProtocolTCP)
		}
	}
}

func prepareSliceCreate(_ context.Context, obj api.Object) {
	s := obj.(*discoveryv1.EndpointSlice)
	s.Generation = 1
	dropTopology(s)
}

// prepareSliceUpdate counts a generation for any change but that of metadata
// other than labels, which say what service the slice belongs to.
func prepareSliceUpdate(_ context.Context, obj, old api.Object) {
	s, before := obj.(*discoveryv1.EndpointSlice), old.(*discoveryv1.EndpointSlice)
	dropTopology(s)
	s.Generation = before.Generation
	if s.AddressType != before.AddressType ||
		!equality.Semantic.DeepEqual(s.Endpoints, before.Endpoints) ||
		!equality.Semantic.DeepEqual(s.Ports, before.Ports) ||
		!equality.Semantic.DeepEqual(s.Labels, before.Labels) {
		s.Generation++
	}
}

// dropTopology drops what could be written through v1beta1 only.
func dropTopology(s *discoveryv1.EndpointSlice) {
	for i := range s.Endpoints {
		s.Endpoints[i].DeprecatedTopology = nil
	}
}

// sliceWarnings speaks of addresses that are written in an unusual way, but to the
// controllers, which write them as they find them.
func sliceWarnings(_ context.Context, obj, old api.Object) (warnings []string) {
	s := obj.(*discoveryv1.EndpointSlice)
	if s.AddressType == discoveryv1.AddressTypeFQDN {
		if old == nil {
			warnings = append(warnings, "spec.addressType: FQDN endpoints are deprecated")
		}
		return warnings
	}
	switch s.Labels[discoveryv1.LabelManagedBy] {
	case "endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io":
		return warnings
	}
	for i, endpoint := range s.Endpoints {
		for j, address := range endpoint.Addresses {
			path := field.NewPath("endpoints").Index(i).Child("addresses").Index(j)
			warnings = append(warnings, validation.GetWarningsForIP(path, address)...)
		}
	}
	return warnings
}

func formatPorts(ports []discoveryv1.EndpointPort) string {
	var list []string
	for _, port := range ports {
		switch {
		case port.Port != nil:
			list = append(list, strconv.Itoa(int(*port.Port)))
		case port.Name != nil:
			list = append(list, *port.Name)
		default:
			list = append(list, "*")
		}
	}
	return firstThree(list)
}

func formatEndpoints(endpoints []discoveryv1.Endpoint) string {
	var list []string
	for _, endpoint := range endpoints {
		list = append(list, endpoint.Addresses...)
	}
	return firstThree(list)
}

func firstThree(list []string) string {
	const shown = 3
	if more := len(list) - shown; more > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(list[:shown], ","), more)
	}
	return cmp.Or(strings.Join(list, ","), "<unset>")
}
