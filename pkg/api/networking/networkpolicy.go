package networking

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

var networkPolicyParts = api.PartsOf(func(obj *networkingv1.NetworkPolicy) (*networkingv1.NetworkPolicySpec, *api.NoStatus) {
	return &obj.Spec, nil
})

// NetworkPolicy is the resource networkpolicies: who may talk to whom.
//
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
var NetworkPolicy = &api.Resource{
	Group:      networkingv1.GroupName,
	Version:    "v1",
	Kind:       "NetworkPolicy",
	Plural:     "networkpolicies",
	Singular:   "networkpolicy",
	ShortNames: []string{"netpol"},
	Namespaced: true,
	New:        func() api.Object { return &networkingv1.NetworkPolicy{} },
	NewList:    func() runtime.Object { return &networkingv1.NetworkPolicyList{} },

	Default:             defaultNetworkPolicy,
	PrepareCreate:       networkPolicyParts.PrepareCreate,
	PrepareUpdate:       networkPolicyParts.PrepareUpdate,
	Validate:            validateNetworkPolicy,
	ValidateUpdate:      validateNetworkPolicyUpdate,
	UnconditionalUpdate: true,
	Warnings:            networkPolicyWarnings,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Pod-Selector", "string", networkingv1.NetworkPolicySpec{}.SwaggerDoc()["podSelector"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		policy := obj.(*networkingv1.NetworkPolicy)
		return []any{policy.Name, metav1.FormatLabelSelector(&policy.Spec.PodSelector), api.Age(policy.CreationTimestamp, now)}
	},
}

// networkRule is an ingress or an egress rule: the two differ in the name of
// their peers only.
type networkRule struct {
	path  *field.Path
	ports []networkingv1.NetworkPolicyPort
	peers []networkingv1.NetworkPolicyPeer
	from  *field.Path // the path of the peers
}

// rulesOf returns the rules of a policy, the ingress ones first.
func rulesOf(spec *networkingv1.NetworkPolicySpec) (rules []networkRule) {
	for i, rule := range spec.Ingress {
		path := field.NewPath("spec", "ingress").Index(i)
		rules = append(rules, networkRule{path, rule.Ports, rule.From, path.Child("from")})
	}
	for i, rule := range spec.Egress {
		path := field.NewPath("spec", "egress").Index(i)
		rules = append(rules, networkRule{path, rule.Ports, rule.To, path.Child("to")})
	}
	return rules
}

func defaultNetworkPolicy(obj api.Object) {
	spec := &obj.(*networkingv1.NetworkPolicy).Spec
	for _, rule := range rulesOf(spec) {
		for i := range rule.ports {
			if rule.ports[i].Protocol == nil {
				rule.ports[i].Protocol = ptr.To(corev1.ProtocolTCP)
			}
		}
	}
	if len(spec.PolicyTypes) == 0 {
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(spec.Egress) > 0 {
			spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
}

func networkPolicyWarnings(_ context.Context, obj, _ api.Object) (warnings []string) {
	for _, rule := range rulesOf(&obj.(*networkingv1.NetworkPolicy).Spec) {
		for i, peer := range rule.peers {
			if peer.IPBlock == nil {
				continue
			}
			path := rule.from.Index(i).Child("ipBlock")
			warnings = append(warnings, validation.GetWarningsForCIDR(path.Child("cidr"), peer.IPBlock.CIDR)...)
			for j, except := range peer.IPBlock.Except {
				warnings = append(warnings, validation.GetWarningsForCIDR(path.Child("except").Index(j), except)...)
			}
		}
	}
	return warnings
}
