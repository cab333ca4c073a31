package deployment

import (
	"encoding/json"
	"os"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

// hello is the article's Deployment as kube-apiserver 1.37.2 stores it.
func hello(t *testing.T) *appsv1.Deployment {
	t.Helper()
	data, err := os.ReadFile("testdata/hello-node.json")
	if err != nil {
		t.Fatal(err)
	}
	d := &appsv1.Deployment{}
	if err := json.Unmarshal(data, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The wanted hash is what kube-controller-manager 1.37.2 computed.
func TestTemplateHashIsUpstreams(t *testing.T) {
	d := hello(t)
	if got := templateHash(&d.Spec.Template, nil); got != "6648755c5d" {
		t.Errorf("got %s, want 6648755c5d", got)
	}
	two := int32(2)
	if got := templateHash(&d.Spec.Template, &two); got == "6648755c5d" {
		t.Error("a collision did not change the hash")
	}
}

func TestSameTemplateIgnoresOnlyTheHashLabel(t *testing.T) {
	d := hello(t)
	rs := newReplicaSet(d)
	if !sameTemplate(&d.Spec.Template, &rs.Spec.Template) {
		t.Error("a new ReplicaSet does not match its Deployment")
	}
	rs.Spec.Template.Labels["more"] = "x"
	if sameTemplate(&d.Spec.Template, &rs.Spec.Template) {
		t.Error("another label was ignored")
	}
	if rs.Name != "hello-node-6648755c5d" || rs.Spec.Selector.MatchLabels[hashLabel] != "6648755c5d" || rs.Labels[hashLabel] != "6648755c5d" {
		t.Errorf("name %s, labels %v, selector %v", rs.Name, rs.Labels, rs.Spec.Selector)
	}
	if _, ok := d.Spec.Template.Labels[hashLabel]; ok {
		t.Error("the Deployment's own template was changed")
	}
}
