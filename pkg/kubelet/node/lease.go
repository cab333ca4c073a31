package node

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/utils/clock"
)

// heartbeat renews the node's Lease until ctx ends.
func (m *Manager) heartbeat(ctx context.Context) {
	const renewal = leaseSeconds / 4 * time.Second
	lease.NewController(clock.RealClock{}, m.Client, m.Name, leaseSeconds, nil, renewal,
		m.Name, v1.NamespaceNodeLease, m.ownLease).Run(ctx)
}

// ownLease makes the Lease go with its Node.
func (m *Manager) ownLease(l *coordinationv1.Lease) error {
	if len(l.OwnerReferences) > 0 {
		return nil
	}
	obj, exists, err := m.informer.GetStore().GetByKey(m.Name)
	if err != nil || !exists {
		return err
	}
	if node, ok := obj.(*v1.Node); ok {
		l.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: v1.SchemeGroupVersion.String(), Kind: "Node", Name: node.Name, UID: node.UID,
		}}
	}
	return nil
}
