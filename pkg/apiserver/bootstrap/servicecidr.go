package bootstrap

import (
	"net/netip"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
	networkingapi "slowmo/pkg/api/networking"
)

// serviceCIDR shows the ranges that the server was started with. Where they have
// changed, what is shown stays: only a second family may be added.
func (c Config) serviceCIDR() wish {
	wanted := &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}}
	wanted.Spec.CIDRs = cidrs(c.ServiceRanges)
	return wish{
		collection: c.Store.Collection(networkingapi.ServiceCIDR),
		object:     wanted,
		merge: func(present api.Object) api.Object {
			old := present.(*networkingv1.ServiceCIDR)
			next := old.DeepCopy()
			if had := old.Spec.CIDRs; len(had) == 1 && len(wanted.Spec.CIDRs) == 2 && had[0] == wanted.Spec.CIDRs[0] {
				next.Spec.CIDRs = wanted.Spec.CIDRs
			}
			ready(next)
			return changed(old, next)
		},
	}
}

func cidrs(ranges []netip.Prefix) (texts []string) {
	for _, r := range ranges {
		texts = append(texts, r.String())
	}
	return texts
}

// ready says that addresses may be taken from c, unless somebody has said what is of it.
func ready(c *networkingv1.ServiceCIDR) {
	if apimeta.FindStatusCondition(c.Status.Conditions, networkingv1.ServiceCIDRConditionReady) == nil {
		c.Status.Conditions = append(c.Status.Conditions, metav1.Condition{
			Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue, Message: "Kubernetes default Service CIDR is ready",
			LastTransitionTime: metav1.NewTime(time.Now().Truncate(time.Second)),
		})
	}
}
