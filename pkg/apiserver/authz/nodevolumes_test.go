package authz

import (
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/certificates"
	"slowmo/pkg/api/core"
	resourceapi "slowmo/pkg/api/resource"
	storageapi "slowmo/pkg/api/storage"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

// putVolume stores a claim in ns and the volume that it is bound to, which has
// a secret.
func putVolume(t *testing.T, store *storage.Store, claim, volume, secret string) {
	t.Helper()
	c := &corev1.PersistentVolumeClaim{}
	c.Namespace, c.Name, c.Spec.VolumeName = "ns", claim, volume
	storetest.Put(t, store, core.PersistentVolumeClaim, c)
	v := &corev1.PersistentVolume{}
	v.Name = volume
	v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "ns", Name: claim}
	v.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: "d", VolumeHandle: "h",
		NodeStageSecretRef: &corev1.SecretReference{Namespace: "vault", Name: secret}}
	storetest.Put(t, store, core.PersistentVolume, v)
}

func TestNodeVolumesAndDevices(t *testing.T) {
	store := storetest.New(t)
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name, pod.Spec.NodeName = "ns", "web", "n1"
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "mine"}}},
		{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
	}
	pod.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "a", ResourceClaimName: ptr.To("named")}, {Name: "b", ResourceClaimTemplateName: ptr.To("t")}}
	pod.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{{Name: "b", ResourceClaimName: ptr.To("made")}}
	storetest.Put(t, store, core.Pod, pod)
	putVolume(t, store, "mine", "v1", "key1")
	putVolume(t, store, "other", "v2", "key2")
	for _, node := range []string{"n1", "n2"} {
		a := &storagev1.VolumeAttachment{}
		a.Name, a.Spec.NodeName = "to-"+node, node
		storetest.Put(t, store, storageapi.VolumeAttachment, a)
		r := &certificatesv1.PodCertificateRequest{}
		r.Namespace, r.Name, r.Spec.NodeName = "ns", "by-"+node, types.NodeName(node)
		storetest.Put(t, store, certificates.PodCertificateRequest, r)
		s := &resourcev1.ResourceSlice{}
		s.Name, s.Spec.NodeName = "of-"+node, &node
		storetest.Put(t, store, resourceapi.ResourceSlice, s)
	}
	n, err := NewNode(t.Context(), store, []rbacv1.PolicyRule{rule("get", "", "endpoints")})
	if err != nil {
		t.Fatal(err)
	}
	const none = "no relationship found between node 'n1' and this object"
	selecting := func(i *request.Info, selector string) *request.Info {
		i.FieldSelector = selector
		return i
	}
	for _, test := range []struct {
		name   string
		info   *request.Info
		reason string // empty: allowed
	}{
		{"its claim", info("get", "", "persistentvolumeclaims", "ns", "mine"), ""},
		{"its scratch volume's claim", info("get", "", "persistentvolumeclaims", "ns", "web-scratch"), ""},
		{"another claim", info("get", "", "persistentvolumeclaims", "ns", "other"), none},
		{"list of claims", info("list", "", "persistentvolumeclaims", "ns", ""), "can only get individual resources of this type"},
		{"its claim's status", info("patch", "", "persistentvolumeclaims/status", "ns", "mine"), ""},
		{"another claim's status", info("patch", "", "persistentvolumeclaims/status", "ns", "other"), none},
		{"delete of a status", info("delete", "", "persistentvolumeclaims/status", "ns", "mine"), "can only get/update/patch this type"},
		{"its volume", info("get", "", "persistentvolumes", "", "v1"), ""},
		{"another volume", info("get", "", "persistentvolumes", "", "v2"), none},
		{"no volume", info("get", "", "persistentvolumes", "", "gone"), none},
		{"its volume's secret", info("get", "", "secrets", "vault", "key1"), ""},
		{"another volume's secret", info("get", "", "secrets", "vault", "key2"), none},
		{"its attachment", info("get", "storage.k8s.io", "volumeattachments", "", "to-n1"), ""},
		{"another attachment", info("get", "storage.k8s.io", "volumeattachments", "", "to-n2"), none},
		{"its CSI node", info("update", "storage.k8s.io", "csinodes", "", "n1"), ""},
		{"another CSI node", info("update", "storage.k8s.io", "csinodes", "", "n2"), "can only access CSINode with the same name as the requesting node"},
		{"all CSI nodes", info("list", "storage.k8s.io", "csinodes", "", ""), "can only get, create, update, patch, or delete a CSINode"},
		{"a claim that its pod names", info("get", "resource.k8s.io", "resourceclaims", "ns", "named"), ""},
		{"a claim made for its pod", info("get", "resource.k8s.io", "resourceclaims", "ns", "made"), ""},
		{"another device claim", info("get", "resource.k8s.io", "resourceclaims", "ns", "other"), none},
		{"its slice", info("update", "resource.k8s.io", "resourceslices", "", "of-n1"), ""},
		{"another slice", info("update", "resource.k8s.io", "resourceslices", "", "of-n2"), none},
		{"a new slice", info("create", "resource.k8s.io", "resourceslices", "", ""), ""},
		{"its slices", selecting(info("deletecollection", "resource.k8s.io", "resourceslices", "", ""), "spec.nodeName=n1"), ""},
		{"all slices", info("watch", "resource.k8s.io", "resourceslices", "", ""), "can only list/watch/deletecollection resourceslices with nodeName field selector"},
		{"a certificate for a pod", info("create", "certificates.k8s.io", "podcertificaterequests", "ns", ""), ""},
		{"its request", info("get", "certificates.k8s.io", "podcertificaterequests", "ns", "by-n1"), ""},
		{"another's request", info("get", "certificates.k8s.io", "podcertificaterequests", "ns", "by-n2"), none},
		{"its requests", selecting(info("watch", "certificates.k8s.io", "podcertificaterequests", "", ""), "spec.nodeName=n1"), ""},
		{"all requests", info("list", "certificates.k8s.io", "podcertificaterequests", "", ""), "can only list/watch podcertificaterequests with nodeName field selector"},
		{"delete of its request", info("delete", "certificates.k8s.io", "podcertificaterequests", "ns", "by-n1"), "nodes may not delete podcertificaterequests"},
		{"a request's status", info("update", "certificates.k8s.io", "podcertificaterequests/status", "ns", "by-n1"), "cannot authorize PodCertificateRequest subresources"},
		{"by its role", info("get", "", "endpoints", "ns", "x"), ""},
	} {
		user := &request.User{Name: "system:node:n1", Groups: []string{request.GroupNodes}}
		got, reason, _ := n.Authorize(t.Context(), &request.Authorization{User: user, Info: test.info})
		reason = strings.TrimPrefix(reason, "node: ")
		if (got == request.Allow) != (test.reason == "") || reason != test.reason {
			t.Errorf("%s: %v (%s), want %q", test.name, got, reason, test.reason)
		}
	}
	nameless := &request.User{Name: "system:node:", Groups: []string{request.GroupNodes}}
	if got, reason, _ := n.Authorize(t.Context(), &request.Authorization{User: nameless, Info: info("get", "", "endpoints", "ns", "x")}); got != request.NoOpinion || reason != `node: unknown node for user "system:node:"` {
		t.Errorf("a node without a name: %v (%s)", got, reason)
	}
}
