package storage_test

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// TestSettle: what a write leaves is what a later read from etcd gives, as JSON shows it.
func TestSettle(t *testing.T) {
	roles := &api.Resource{Version: "v1", Kind: "Role", Plural: "roles", New: func() api.Object { return &rbacv1.Role{} }}
	pod := pod("a", "n", map[string]string{})
	pod.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{}}}}}
	pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "k", Values: []string{}}}}}}}}
	for _, c := range []struct {
		r   *api.Resource
		obj api.Object
	}{
		{pods(), pod},
		{roles, &rbacv1.Role{Rules: []rbacv1.PolicyRule{}}},
		{roles, &rbacv1.Role{Rules: []rbacv1.PolicyRule{{Verbs: []string{}}, {Verbs: []string{"get"}}}}},
	} {
		stored, err := storage.Encode(c.r, c.obj)
		if err != nil {
			t.Fatal(err)
		}
		back, err := storage.Decode(c.r, stored)
		if err != nil {
			t.Fatal(err)
		}
		c.obj.SetResourceVersion(back.GetResourceVersion())
		written, _ := json.Marshal(c.obj)
		read, _ := json.Marshal(back)
		if got, want := withoutDefaults(written), withoutDefaults(read); got != want {
			t.Errorf("written %s\nread    %s", got, want)
		}
	}
	asJSON := *roles
	asJSON.StorageJSON = true
	kept := &rbacv1.Role{Rules: []rbacv1.PolicyRule{}}
	if storage.Settle(&asJSON, kept); kept.Rules == nil {
		t.Error("JSON tells an empty list from none")
	}
}

// withoutDefaults drops what Decode adds to pods.
func withoutDefaults(data []byte) string {
	return strings.Replace(string(data), `"restartPolicy":"Always",`, "", 1)
}
