package authz

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

func TestNode(t *testing.T) {
	store := storetest.New(t)
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = "ns", "web"
	pod.Spec.NodeName, pod.Spec.ServiceAccountName = "n1", "app"
	pod.Spec.Volumes = []corev1.Volume{
		{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "tls"}}},
		{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "ca"}}},
		}}}},
	}
	pod.Spec.Containers = []corev1.Container{{EnvFrom: []corev1.EnvFromSource{
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "env"}}},
	}}}
	storetest.Put(t, store, core.Pod, pod)
	n, err := NewNode(t.Context(), store, []rbacv1.PolicyRule{
		rule("create", "", "nodes events pods"), rule("update patch", "", "nodes/status pods/status nodes"),
		rule("get list watch", "", "services nodes pods secrets"),
	})
	if err != nil {
		t.Fatal(err)
	}
	selecting := func(i *request.Info, selector string) *request.Info {
		i.FieldSelector = selector
		return i
	}
	for _, test := range []struct {
		name   string
		node   string
		info   *request.Info
		want   bool
		reason string
	}{
		{"secret of its pod", "n1", info("get", "", "secrets", "ns", "tls"), true, ""},
		{"secret in the environment", "n1", info("watch", "", "secrets", "ns", "env"), true, ""},
		{"watch of one secret", "n1", selecting(info("watch", "", "secrets", "ns", ""), "metadata.name=tls"), true, ""},
		{"configmap in a projection", "n1", info("get", "", "configmaps", "ns", "ca"), true, ""},
		{"secret of no pod", "n1", info("get", "", "secrets", "ns", "other"), false, "no relationship found between node 'n1' and this object"},
		{"secret of another namespace", "n1", info("get", "", "secrets", "kube-system", "tls"), false, ""},
		{"secret of another node's pod", "n2", info("get", "", "secrets", "ns", "tls"), false, ""},
		{"all secrets", "n1", info("list", "", "secrets", "ns", ""), false, "No Object name found"},
		{"write to a secret", "n1", info("update", "", "secrets", "ns", "tls"), false, ""},
		{"token of its pod's account", "n1", info("create", "", "serviceaccounts/token", "ns", "app"), true, ""},
		{"token of another account", "n1", info("create", "", "serviceaccounts/token", "ns", "admin"), false, ""},
		{"its pod", "n1", info("get", "", "pods", "ns", "web"), true, ""},
		{"another pod", "n1", info("get", "", "pods", "ns", "db"), false, ""},
		{"its pods", "n1", selecting(info("list", "", "pods", "", ""), "spec.nodeName=n1"), true, ""},
		{"all pods", "n1", info("list", "", "pods", "", ""), false, "can only list/watch pods with spec.nodeName field selector"},
		{"its node", "n1", info("get", "", "nodes", "", "n1"), true, ""},
		{"watch of its node", "n1", selecting(info("watch", "", "nodes", "", ""), "metadata.name=n1"), true, ""},
		{"another node", "n1", info("get", "", "nodes", "", "n2"), false, "node 'n1' cannot read 'n2', only its own Node object"},
		{"all nodes", "n1", info("list", "", "nodes", "", ""), false, "node 'n1' cannot read all nodes, only its own Node object"},
		{"its status", "n1", info("patch", "", "nodes/status", "", "n1"), true, ""},
		{"its lease", "n1", info("update", "coordination.k8s.io", "leases", "kube-node-lease", "n1"), true, ""},
		{"another lease", "n1", info("update", "coordination.k8s.io", "leases", "kube-node-lease", "n2"), false, ""},
		{"lease elsewhere", "n1", info("get", "coordination.k8s.io", "leases", "kube-system", "n1"), false, ""},
		{"services", "n1", info("watch", "", "services", "", ""), true, ""},
		{"deployments", "n1", info("list", "apps", "deployments", "", ""), false, ""},
	} {
		user := &request.User{Name: "system:node:" + test.node, Groups: []string{request.GroupNodes}}
		got, reason, _ := n.Authorize(t.Context(), &request.Authorization{User: user, Info: test.info})
		if (got == request.Allow) != test.want {
			t.Errorf("%s: got %v (%s)", test.name, got, reason)
		}
		if test.reason != "" && reason != "node: "+test.reason {
			t.Errorf("%s: reason %q, want %q", test.name, reason, test.reason)
		}
	}
}

func TestNodeMayUseWhatItHasJustBeenGiven(t *testing.T) {
	store := storetest.New(t)
	n, err := NewNode(t.Context(), store, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The graph follows nothing here: it is as late as can be.
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = "ns", "web"
	pod.Spec.NodeName, pod.Spec.ServiceAccountName = "n1", "app"
	storetest.Put(t, store, core.Pod, pod)
	for node, want := range map[string]request.Decision{"n1": request.Allow, "n2": request.NoOpinion} {
		user := &request.User{Name: "system:node:" + node, Groups: []string{request.GroupNodes}}
		got, reason, _ := n.Authorize(t.Context(), &request.Authorization{User: user, Info: info("create", "", "serviceaccounts/token", "ns", "app")})
		if got != want {
			t.Errorf("%s: got %v (%s), want %v", node, got, reason, want)
		}
	}
}

func TestGraphForgets(t *testing.T) {
	g := newGraph()
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name, pod.Spec.NodeName, pod.Spec.ServiceAccountName = "ns", "web", "n1", "app"
	g.set("ns", "web", pod)
	if !g.uses("n1", use{"serviceaccounts", "ns", "app"}) {
		t.Error("a pod's service account is not the node's")
	}
	g.set("ns", "web", nil)
	if g.uses("n1", use{"serviceaccounts", "ns", "app"}) || len(g.count) != 0 {
		t.Error("a deleted pod's service account is still the node's")
	}
}
