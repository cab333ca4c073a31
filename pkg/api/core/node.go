package core

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/resources"
)

// Node is the resource nodes.
//
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/
var Node = &api.Resource{
	Version:     "v1",
	Kind:        "Node",
	Plural:      "nodes",
	Singular:    "node",
	ShortNames:  []string{"no"},
	StoragePath: "minions", // the name that nodes had in 2014
	New:         func() api.Object { return &corev1.Node{} },
	NewList:     func() runtime.Object { return &corev1.NodeList{} },

	Default:       defaultNode,
	PrepareCreate: prepareNodeCreate,
	PrepareUpdate: prepareNodeUpdate,
	Validate:      validateNode,
	ValidateUpdate: func(obj, old api.Object) field.ErrorList {
		return append(validateNode(obj), validateNodeChange(obj, old)...)
	},
	Warnings:            nodeWarnings,
	UnconditionalUpdate: true,

	Columns: nodeColumns,
	Row:     nodeRow,

	Fields: func(obj api.Object) fields.Set {
		return fields.Set{"spec.unschedulable": fmt.Sprint(obj.(*corev1.Node).Spec.Unschedulable)}
	},
	FieldNames: []string{"spec.unschedulable"},

	Subresources: []api.Subresource{
		api.Connect("proxy", api.CoreKind("NodeProxyOptions"), api.ProxyVerbs...),
		api.Status(putNodeStatus, validateNodeChange),
	},
}

var nodeInfoDoc = corev1.NodeSystemInfo{}.SwaggerDoc()

var nodeColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Status", "string", "The status of the node"),
	api.Column("Roles", "string", "The roles of the node"),
	api.AgeColumn,
	api.Column("Version", "string", nodeInfoDoc["kubeletVersion"]),
	api.WideColumn("Internal-IP", "string", corev1.NodeStatus{}.SwaggerDoc()["addresses"]),
	api.WideColumn("External-IP", "string", corev1.NodeStatus{}.SwaggerDoc()["addresses"]),
	api.WideColumn("OS-Image", "string", nodeInfoDoc["osImage"]),
	api.WideColumn("Kernel-Version", "string", nodeInfoDoc["kernelVersion"]),
	api.WideColumn("Container-Runtime", "string", nodeInfoDoc["containerRuntimeVersion"]),
}

func nodeRow(obj api.Object, now time.Time) []any {
	node := obj.(*corev1.Node)
	info := node.Status.NodeInfo
	kernel := orUnknown(info.KernelVersion)
	if info.Architecture != "" && info.KernelVersion != "" {
		kernel += " (" + info.Architecture + ")"
	}
	return []any{
		node.Name, nodeStatus(node), nodeRoles(node), api.Age(node.CreationTimestamp, now), info.KubeletVersion,
		nodeAddress(node, corev1.NodeInternalIP), nodeAddress(node, corev1.NodeExternalIP),
		orUnknown(info.OSImage), kernel, orUnknown(info.ContainerRuntimeVersion),
	}
}

func nodeStatus(node *corev1.Node) string {
	status := "Unknown"
	for _, c := range node.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		status = "NotReady"
		if c.Status == corev1.ConditionTrue {
			status = "Ready"
		}
	}
	if node.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

func nodeRoles(node *corev1.Node) string {
	roles := sets.New[string]()
	for label, value := range node.Labels {
		if role, ok := strings.CutPrefix(label, "node-role.kubernetes.io/"); ok && role != "" {
			roles.Insert(role)
		}
		if label == "kubernetes.io/role" && value != "" {
			roles.Insert(value)
		}
	}
	return api.OrNone(strings.Join(slices.Sorted(maps.Keys(roles)), ","))
}

func nodeAddress(node *corev1.Node, kind corev1.NodeAddressType) string {
	for _, a := range node.Status.Addresses {
		if a.Type == kind {
			return a.Address
		}
	}
	return api.None
}

func orUnknown(s string) string {
	if s == "" {
		return "<unknown>"
	}
	return s
}

func defaultNode(obj api.Object) {
	node := obj.(*corev1.Node)
	if node.Status.Allocatable == nil && node.Status.Capacity != nil {
		node.Status.Allocatable = node.Status.Capacity.DeepCopy()
	}
	resources.Round(node.Status.Capacity)
	resources.Round(node.Status.Allocatable)
	// podCIDR is the first of podCIDRs.
	switch cidrs := node.Spec.PodCIDRs; {
	case node.Spec.PodCIDR == "" && len(cidrs) > 0:
		node.Spec.PodCIDR = cidrs[0]
	case node.Spec.PodCIDR != "" && (len(cidrs) == 0 || cidrs[0] != node.Spec.PodCIDR):
		node.Spec.PodCIDRs = []string{node.Spec.PodCIDR}
	}
}

// prepareNodeCreate takes the status as well: that is how a kubelet registers.
func prepareNodeCreate(_ context.Context, obj api.Object) {
	node := obj.(*corev1.Node)
	node.Spec.ConfigSource, node.Status.Config = nil, nil
	node.Spec.PodPreemptionPolicy = nil // alpha
}

// prepareNodeUpdate keeps the status, and fields that do nothing anymore, or do
// not yet, out of nodes that do not have them.
func prepareNodeUpdate(_ context.Context, obj, old api.Object) {
	node, before := obj.(*corev1.Node), old.(*corev1.Node)
	node.Status = before.Status
	if before.Spec.ConfigSource == nil {
		node.Spec.ConfigSource = nil
	}
	if before.Spec.PodPreemptionPolicy == nil {
		node.Spec.PodPreemptionPolicy = nil
	}
}

func putNodeStatus(_ context.Context, to, from *corev1.Node) {
	before := to.Status
	to.Status = from.Status
	if before.Config == nil {
		to.Status.Config = nil
	}
	if before.NodeInfo.RunningInUserNamespace == nil { // alpha
		to.Status.NodeInfo.RunningInUserNamespace = nil
	}
}

func nodeWarnings(_ context.Context, obj, _ api.Object) (out []string) {
	spec := &obj.(*corev1.Node).Spec
	if spec.ConfigSource != nil {
		out = append(out, "spec.configSource: the feature is removed")
	}
	if spec.DoNotUseExternalID != "" {
		out = append(out, "spec.externalID: this field is deprecated, and is unused by Kubernetes")
	}
	for i, cidr := range spec.PodCIDRs {
		out = append(out, validation.GetWarningsForCIDR(field.NewPath("spec", "podCIDRs").Index(i), cidr)...)
	}
	return out
}
