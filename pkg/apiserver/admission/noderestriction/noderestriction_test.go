package noderestriction

import (
	"context"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/certificates"
	"slowmo/pkg/api/coordination"
	"slowmo/pkg/api/core"
	storageapi "slowmo/pkg/api/storage"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

// world is a store with the plugin beside it.
type world struct {
	store *storage.Store
	may   *permissions
	request.Admission
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{store: storetest.New(t), may: &permissions{}}
	w.Admission = New(w.store, w.may)
	return w
}

// permissions is an authorizer that allows the listed "verb resource name".
type permissions struct{ allowed []string }

func (p *permissions) Authorize(_ context.Context, q *request.Authorization) (request.Decision, string, error) {
	if slices.Contains(p.allowed, q.Info.Verb+" "+q.Info.Resource+" "+q.Info.Name) {
		return request.Allow, "", nil
	}
	return request.NoOpinion, "", nil
}

func attributes(op request.Operation, r *api.Resource, obj, old api.Object) *request.Attributes {
	a := &request.Attributes{
		Operation:  op,
		User:       &request.User{Name: "system:node:n1", Groups: []string{request.GroupNodes}},
		Kind:       r.GroupVersionKind(),
		Resource:   r.GroupVersionKind().GroupVersion().WithResource(r.Plural),
		Definition: r,
		Object:     obj,
		OldObject:  old,
	}
	if obj != nil {
		a.Namespace, a.Name = obj.GetNamespace(), obj.GetName()
	}
	return a
}

func newPod(change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = "ns", "web"
	pod.Spec.Containers = []corev1.Container{{Name: "c"}}
	if change != nil {
		change(pod)
	}
	return pod
}

func TestNodeRestriction(t *testing.T) {
	w := newWorld(t)
	own := storetest.Put(t, w.store, core.Pod, newPod(func(p *corev1.Pod) {
		p.Name, p.Spec.NodeName = "own", "n1"
		p.Spec.Volumes = []corev1.Volume{
			{Name: "a", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}},
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "vault", Audience: "vault"}},
			}}}},
			{Name: "b", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "csi.example.com"}}},
		}
	}))
	driver := &storagev1.CSIDriver{Spec: storagev1.CSIDriverSpec{TokenRequests: []storagev1.TokenRequest{{Audience: "driver"}}}}
	driver.Name = "csi.example.com"
	storetest.Put(t, w.store, storageapi.CSIDriver, driver)
	present := &corev1.Node{}
	present.Name = "n1"
	present = storetest.Put(t, w.store, core.Node, present)
	storetest.Put(t, w.store, core.Pod, newPod(func(p *corev1.Pod) { p.Name, p.Spec.NodeName = "foreign", "n2" }))

	as := func(a *request.Attributes, name, subresource string) *request.Attributes {
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
	w.may.allowed = []string{"request-serviceaccounts-token-audience allowed default"}
	token := func(pod string, uid types.UID, audiences ...string) *authenticationv1.TokenRequest {
		r := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}
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
	csi := func(name string) *storagev1.CSINode {
		n := &storagev1.CSINode{}
		n.Name = name
		return n
	}
	mirror := func(change func(*corev1.Pod)) *corev1.Pod {
		return newPod(func(p *corev1.Pod) {
			p.Name, p.Spec.NodeName = "mirror", "n1"
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", UID: present.UID, Controller: ptr.To(true)}}
			if change != nil {
				change(p)
			}
		})
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
		{"eviction of its pod", as(attributes(request.Create, core.Pod, own, nil), "own", "eviction"), ""},
		{"eviction of another's pod", as(attributes(request.Create, core.Pod, nil, nil), "foreign", "eviction"), "node n1 can only evict pods with spec.nodeName set to itself"},
		{"its pod's claims", as(attributes(request.Update, core.Pod, status(func(p *corev1.Pod) {
			p.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{{Name: "gpu"}}
		}), own), "own", "status"), `node "n1" cannot update resource claim statuses`},
		{"a mirror pod", as(attributes(request.Create, core.Pod, mirror(nil), nil), "mirror", ""), ""},
		{"a mirror pod for another node", as(attributes(request.Create, core.Pod, mirror(func(p *corev1.Pod) { p.Spec.NodeName = "n2" }), nil), "mirror", ""),
			`node "n1" can only create pods with spec.nodeName set to itself`},
		{"a mirror pod of nobody", as(attributes(request.Create, core.Pod, mirror(func(p *corev1.Pod) { p.OwnerReferences = nil }), nil), "mirror", ""),
			`node "n1" can only create pods with an owner reference set to itself`},
		{"a mirror pod of two", as(attributes(request.Create, core.Pod, mirror(func(p *corev1.Pod) { p.OwnerReferences = append(p.OwnerReferences, p.OwnerReferences[0]) }), nil), "mirror", ""),
			`node "n1" can only create pods with a single owner reference set to itself`},
		{"a mirror pod of an older node", as(attributes(request.Create, core.Pod, mirror(func(p *corev1.Pod) { p.OwnerReferences[0].UID = "old" }), nil), "mirror", ""),
			"node n1 UID mismatch: expected old got " + string(present.UID)},
		{"a mirror pod that keeps its node", as(attributes(request.Create, core.Pod, mirror(func(p *corev1.Pod) { p.OwnerReferences[0].BlockOwnerDeletion = ptr.To(true) }), nil), "mirror", ""),
			`node "n1" must not set blockOwnerDeletion on an owner reference`},
		{"a mirror pod with a configmap", as(attributes(request.Create, core.Pod, mirror(func(p *corev1.Pod) {
			p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "m"}}}}
		}), nil), "mirror", ""), `node "n1" can not create pods that reference "configmaps"`},
		{"a mirror pod with a device", as(attributes(request.Create, core.Pod, mirror(func(p *corev1.Pod) {
			p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("t")}}
		}), nil), "mirror", ""), `node "n1" can not create pods that reference "resourceclaims"`},
		{"a pod of its making", as(attributes(request.Create, core.Pod, newPod(nil), nil), "web", ""), `pod does not have "kubernetes.io/config.mirror" annotation`},

		{"token of its pod", as(attributes(request.Create, core.ServiceAccount, token("own", own.UID), nil), "default", "token"), ""},
		{"token for an audience of its pod's", as(attributes(request.Create, core.ServiceAccount, token("own", own.UID, "vault"), nil), "default", "token"), ""},
		{"token for its pod's driver", as(attributes(request.Create, core.ServiceAccount, token("own", own.UID, "driver"), nil), "default", "token"), ""},
		{"token for an audience that a role allows", as(attributes(request.Create, core.ServiceAccount, token("own", own.UID, "allowed"), nil), "default", "token"), ""},
		{"token for another audience", as(attributes(request.Create, core.ServiceAccount, token("own", own.UID, "other"), nil), "default", "token"), `audience "other" not found in pod spec volume`},
		{"token for two audiences", as(attributes(request.Create, core.ServiceAccount, token("own", own.UID, "", "vault"), nil), "default", "token"), "node may only request 0 or 1 audiences"},
		{"token of no pod", as(attributes(request.Create, core.ServiceAccount, token("", ""), nil), "default", "token"), "node requested token not bound to a pod"},
		{"token without uid", as(attributes(request.Create, core.ServiceAccount, token("own", ""), nil), "default", "token"), "node requested token with a pod binding without a uid"},
		{"token of another pod of the name", as(attributes(request.Create, core.ServiceAccount, token("own", "x"), nil), "default", "token"), "does not match the UID in record"},

		{"its lease", as(attributes(request.Create, coordination.Lease, lease("kube-node-lease", "n1"), nil), "n1", ""), ""},
		{"another lease", as(attributes(request.Create, coordination.Lease, lease("kube-node-lease", "n2"), nil), "n2", ""), "can only access node lease with the same name as the requesting node"},
		{"its CSI node", as(attributes(request.Create, storageapi.CSINode, csi("n1"), nil), "n1", ""), ""},
		{"another CSI node", as(attributes(request.Create, storageapi.CSINode, csi("n2"), nil), "n2", ""), "can only access CSINode with the same name as the requesting node"},
		{"lease elsewhere", as(attributes(request.Create, coordination.Lease, lease("ns", "n1"), nil), "n1", ""), `can only access leases in the "kube-node-lease" system namespace`},
	} {
		err := w.Validate(t.Context(), test.a)
		if test.want == "" && err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.want != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want a 403 with %q", test.name, err, test.want)
		}
	}
}

func TestNodeRestrictionOfPodCertificates(t *testing.T) {
	w := newWorld(t)
	n := New(w.store, w.may)
	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = "ns", "app"
	account = storetest.Put(t, w.store, core.ServiceAccount, account)
	node := &corev1.Node{}
	node.Name = "n1"
	node = storetest.Put(t, w.store, core.Node, node)
	put := func(name string, change func(*corev1.Pod)) *corev1.Pod {
		return storetest.Put(t, w.store, core.Pod, newPod(func(p *corev1.Pod) {
			p.Name, p.Spec.NodeName, p.Spec.ServiceAccountName = name, "n1", "app"
			if change != nil {
				change(p)
			}
		}))
	}
	own := put("own", nil)
	foreign := put("foreign", func(p *corev1.Pod) { p.Spec.NodeName = "n2" })
	mirror := put("mirror", func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} })
	for _, test := range []struct {
		name   string
		pod    *corev1.Pod
		change func(*certificatesv1.PodCertificateRequestSpec)
		want   string // empty: admitted
		again  bool   // it may be tried again
	}{
		{"for its pod", own, nil, "", false},
		{"as another node", own, func(s *certificatesv1.PodCertificateRequestSpec) { s.NodeName = "n2" },
			`PodCertificateRequest.Spec.NodeName="n2", which is not the requesting node "n1"`, false},
		{"as an older node", own, func(s *certificatesv1.PodCertificateRequestSpec) { s.NodeUID = "old" }, "inconsistent with the running node", true},
		{"for a pod that is gone", own, func(s *certificatesv1.PodCertificateRequestSpec) { s.PodName = "gone" }, `while retrieving pod "ns/gone" named in the PodCertificateRequest`, true},
		{"for an older pod", own, func(s *certificatesv1.PodCertificateRequestSpec) { s.PodUID = "old" }, "which differs from running pod", true},
		{"for another's pod", foreign, nil, `pod "ns/foreign" is not running on node "n1" named in the PodCertificateRequest`, false},
		{"for a mirror pod", mirror, nil, `pod "ns/mirror" is a mirror pod`, false},
		{"as another account", own, func(s *certificatesv1.PodCertificateRequestSpec) { s.ServiceAccountName = "default" },
			`PodCertificateRequest for pod "ns/own" contains serviceAccountName ("default") that differs from running pod ("app")`, false},
		{"as an older account", own, func(s *certificatesv1.PodCertificateRequestSpec) { s.ServiceAccountUID = "old" }, "which differs from the running service account", true},
	} {
		r := &certificatesv1.PodCertificateRequest{Spec: certificatesv1.PodCertificateRequestSpec{NodeName: "n1", NodeUID: node.UID,
			PodName: test.pod.Name, PodUID: test.pod.UID, ServiceAccountName: "app", ServiceAccountUID: account.UID}}
		r.Namespace, r.Name = "ns", "r"
		if test.change != nil {
			test.change(&r.Spec)
		}
		a := attributes(request.Create, certificates.PodCertificateRequest, r, nil)
		err := n.Validate(t.Context(), a)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || apierrors.IsInternalError(err) != test.again || apierrors.IsForbidden(err) == test.again):
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}
