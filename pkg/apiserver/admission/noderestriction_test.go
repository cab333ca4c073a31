package admission

import (
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
	"slowmo/pkg/api/coordination"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

func TestNodeRestriction(t *testing.T) {
	w := newWorld(t)
	own := storetest.Put(t, w.store, core.Pod, newPod(func(p *corev1.Pod) { p.Name, p.Spec.NodeName = "own", "n1" }))
	storetest.Put(t, w.store, core.Pod, newPod(func(p *corev1.Pod) { p.Name, p.Spec.NodeName = "foreign", "n2" }))

	as := func(a *request.Attributes, name, subresource string) *request.Attributes {
		a.User = &request.User{Name: "system:node:n1", Groups: []string{request.GroupNodes}}
		a.Name, a.Subresource = name, subresource
		if a.Namespace == "" && a.Definition.Namespaced {
			a.Namespace = "ns"
		}
		return a
	}
	node := func(name string, change func(*corev1.Node)) *corev1.Node {
		n := &corev1.Node{}
		n.Name = name
		if change != nil {
			change(n)
		}
		return n
	}
	label := func(key string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Labels = map[string]string{key: "x"} }
	}
	lease := func(namespace, name string) *coordinationv1.Lease {
		l := &coordinationv1.Lease{}
		l.Namespace, l.Name = namespace, name
		return l
	}
	w.namespace("kube-node-lease", corev1.NamespaceActive)
	token := func(pod string, uid types.UID) *authenticationv1.TokenRequest {
		r := &authenticationv1.TokenRequest{}
		r.Namespace = "ns"
		if pod != "" {
			r.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod, UID: uid}
		}
		return r
	}
	status := func(change func(*corev1.Pod)) api.Object {
		pod := own.DeepCopy()
		if change != nil {
			change(pod)
		}
		return pod
	}
	foreign := newPod(func(p *corev1.Pod) { p.Name, p.Spec.NodeName = "foreign", "n2" })

	for _, test := range []struct {
		name string
		a    *request.Attributes
		want string // empty: admitted
	}{
		{"its node", as(attributes(request.Create, core.Node, node("n1", label("kubernetes.io/hostname")), nil), "", ""), ""},
		{"another node", as(attributes(request.Create, core.Node, node("n2", nil), nil), "", ""), `node "n1" is not allowed to modify node "n2"`},
		{"a label of its own", as(attributes(request.Create, core.Node, node("n1", label("example.com/a")), nil), "", ""), ""},
		{"a role", as(attributes(request.Create, core.Node, node("n1", label("node-role.kubernetes.io/control-plane")), nil), "", ""), "is not allowed to set the following labels: node-role.kubernetes.io/control-plane"},
		{"a later role", as(attributes(request.Update, core.Node, node("n1", label("node-restriction.kubernetes.io/x")), node("n1", nil)), "n1", ""), "is not allowed to modify labels: node-restriction.kubernetes.io/x"},
		{"its taints", as(attributes(request.Update, core.Node, node("n1", nil), node("n1", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "k"}} })), "n1", ""), "is not allowed to modify taints"},
		{"its node's status", as(attributes(request.Update, core.Node, node("n1", nil), node("n1", nil)), "n1", "status"), ""},

		{"its pod's status", as(attributes(request.Update, core.Pod, status(nil), own), "own", "status"), ""},
		{"labels through status", as(attributes(request.Update, core.Pod, status(func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }), own), "own", "status"), "cannot update labels through pod status"},
		{"another's pod's status", as(attributes(request.Update, core.Pod, foreign, foreign), "foreign", "status"), "can only update pod status for pods with spec.nodeName set to itself"},
		{"delete of its pod", as(attributes(request.Delete, core.Pod, nil, nil), "own", ""), ""},
		{"delete of another's pod", as(attributes(request.Delete, core.Pod, nil, nil), "foreign", ""), "can only delete pods with spec.nodeName set to itself"},
		{"a pod of its making", as(attributes(request.Create, core.Pod, newPod(nil), nil), "web", ""), `pod does not have "kubernetes.io/config.mirror" annotation`},

		{"token of its pod", as(attributes(request.Create, core.ServiceAccount, token("own", own.UID), nil), "default", "token"), ""},
		{"token of no pod", as(attributes(request.Create, core.ServiceAccount, token("", ""), nil), "default", "token"), "node requested token not bound to a pod"},
		{"token without uid", as(attributes(request.Create, core.ServiceAccount, token("own", ""), nil), "default", "token"), "node requested token with a pod binding without a uid"},
		{"token of another pod of the name", as(attributes(request.Create, core.ServiceAccount, token("own", "x"), nil), "default", "token"), "does not match the UID in record"},

		{"its lease", as(attributes(request.Create, coordination.Lease, lease("kube-node-lease", "n1"), nil), "n1", ""), ""},
		{"another lease", as(attributes(request.Create, coordination.Lease, lease("kube-node-lease", "n2"), nil), "n2", ""), "can only access node lease with the same name as the requesting node"},
		{"lease elsewhere", as(attributes(request.Create, coordination.Lease, lease("ns", "n1"), nil), "n1", ""), `can only access leases in the "kube-node-lease" system namespace`},
	} {
		err := w.admit(test.a)
		if test.want == "" && err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.want != "" {
			refused(t, test.name, err, test.want)
		}
	}
}
