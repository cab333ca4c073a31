package core

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// Endpoints is the resource endpoints, which EndpointSlices have replaced.
//
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoints-v1/
var Endpoints = &api.Resource{
	Version:     "v1",
	Kind:        "Endpoints",
	Plural:      "endpoints",
	Singular:    "endpoints",
	ShortNames:  []string{"ep"},
	Namespaced:  true,
	StoragePath: "services/endpoints",
	New:         func() api.Object { return &corev1.Endpoints{} },
	NewList:     func() runtime.Object { return &corev1.EndpointsList{} },

	Default:             defaultEndpoints,
	Validate:            validateEndpoints,
	ValidateUpdate:      validateEndpointsUpdate,
	Warnings:            endpointsWarnings,
	CreateOnUpdate:      true,
	UnconditionalUpdate: true,
	Deprecation:         "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Endpoints", "string", corev1.Endpoints{}.SwaggerDoc()["subsets"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		ep := obj.(*corev1.Endpoints)
		return []any{ep.Name, formatSubsets(ep.Subsets), api.Age(ep.CreationTimestamp, now)}
	},
}

func defaultEndpoints(obj api.Object) {
	for _, subset := range obj.(*corev1.Endpoints).Subsets {
		for i := range subset.Ports {
			if subset.Ports[i].Protocol == "" {
				subset.Ports[i].Protocol = corev1.ProtocolTCP
			}
		}
	}
}

// shownEndpoints is how many of the endpoints a table cell lists.
const shownEndpoints = 3

func formatSubsets(subsets []corev1.EndpointSubset) string {
	if len(subsets) == 0 {
		return api.None
	}
	var list []string
	count := 0
	add := func(endpoint string) {
		if count++; count <= shownEndpoints {
			list = append(list, endpoint)
		}
	}
	for _, subset := range subsets {
		// Headless services have addresses without ports.
		if len(subset.Ports) == 0 {
			for _, address := range subset.Addresses {
				add(address.IP)
			}
		}
		for _, port := range subset.Ports {
			for _, address := range subset.Addresses {
				add(net.JoinHostPort(address.IP, strconv.Itoa(int(port.Port))))
			}
		}
	}
	cell := strings.Join(list, ",")
	if count > shownEndpoints {
		return fmt.Sprintf("%s + %d more...", cell, count-shownEndpoints)
	}
	return cell
}

func validateEndpoints(obj api.Object) (errs field.ErrorList) {
	for i, subset := range obj.(*corev1.Endpoints).Subsets {
		path := field.NewPath("subsets").Index(i)
		if len(subset.Addresses) == 0 && len(subset.NotReadyAddresses) == 0 {
			errs = append(errs, field.Required(path, "must specify `addresses` or `notReadyAddresses`"))
		}
		for j := range subset.Addresses {
			errs = append(errs, validateEndpointAddress(&subset.Addresses[j], path.Child("addresses").Index(j))...)
		}
		for j := range subset.NotReadyAddresses {
			errs = append(errs, validateEndpointAddress(&subset.NotReadyAddresses[j], path.Child("notReadyAddresses").Index(j))...)
		}
		for j := range subset.Ports {
			errs = append(errs, validateEndpointPort(&subset.Ports[j], len(subset.Ports) > 1, path.Child("ports").Index(j))...)
		}
	}
	return errs
}

// validateEndpointsUpdate leaves alone what it does not allow but was there before.
func validateEndpointsUpdate(obj, old api.Object) field.ErrorList {
	errs := validateEndpoints(obj)
	if len(errs) > 0 && equality.Semantic.DeepEqual(obj.(*corev1.Endpoints).Subsets, old.(*corev1.Endpoints).Subsets) {
		return nil
	}
	return errs
}

func validateEndpointAddress(address *corev1.EndpointAddress, path *field.Path) field.ErrorList {
	ip := path.Child("ip")
	errs := validation.IsValidIPForLegacyField(ip, address.IP, true, nil)
	if address.Hostname != "" {
		errs = append(errs, check.DNS1123Label(address.Hostname, path.Child("hostname"))...)
	}
	if address.NodeName != nil {
		errs = append(errs, check.DNS1123Subdomain(*address.NodeName, path.Child("nodeName"))...)
	}
	if netutils.ParseIPSloppy(address.IP) == nil {
		return append(errs, field.Invalid(ip, address.IP, "must be a valid IP address"))
	}
	return append(errs, api.ValidateEndpointIP(address.IP, ip)...)
}

// endpointsWarnings finds addresses that are not written as they should be. The
// controller writes them well.
func endpointsWarnings(_ context.Context, obj, _ api.Object) (out []string) {
	ep := obj.(*corev1.Endpoints)
	if ep.Labels["endpoints.kubernetes.io/managed-by"] == "endpoint-controller" {
		return nil
	}
	for i, subset := range ep.Subsets {
		path := field.NewPath("subsets").Index(i)
		for j, address := range subset.Addresses {
			out = append(out, validation.GetWarningsForIP(path.Child("addresses").Index(j).Child("ip"), address.IP)...)
		}
		for j, address := range subset.NotReadyAddresses {
			out = append(out, validation.GetWarningsForIP(path.Child("notReadyAddresses").Index(j).Child("ip"), address.IP)...)
		}
	}
	return out
}

func validateEndpointPort(port *corev1.EndpointPort, named bool, path *field.Path) (errs field.ErrorList) {
	if named && port.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	} else if port.Name != "" {
		errs = append(errs, check.DNS1123Label(port.Name, path.Child("name"))...)
	}
	for _, msg := range validation.IsValidPortNum(int(port.Port)) {
		errs = append(errs, field.Invalid(path.Child("port"), port.Port, msg))
	}
	if port.Protocol == "" {
		errs = append(errs, field.Required(path.Child("protocol"), ""))
	} else {
		errs = append(errs, check.Protocol(port.Protocol, path.Child("protocol"))...)
	}
	if port.AppProtocol != nil {
		errs = append(errs, check.QualifiedName(*port.AppProtocol, path.Child("appProtocol"))...)
	}
	return errs
}
