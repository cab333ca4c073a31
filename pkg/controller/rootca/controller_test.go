package rootca

import (
	"context"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control/controltest"
)

func TestEachLivingNamespaceHasTheAuthority(t *testing.T) {
	namespace := func(name string, phase v1.NamespacePhase) *v1.Namespace {
		return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: v1.NamespaceStatus{Phase: phase}}
	}
	published := func(namespace, pem string) *v1.ConfigMap {
		return &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: configMap, Namespace: namespace,
			Annotations: map[string]string{"kubernetes.io/description": about}}, Data: map[string]string{entry: pem}}
	}
	w := controltest.New(published("old", "other"))
	c := New(w.Env, []byte("pem")).(*controller)
	controltest.Cache(t, w.Informers.Core().V1().Namespaces().Informer(), namespace("new", v1.NamespaceActive),
		namespace("has", v1.NamespaceActive), namespace("old", v1.NamespaceActive), namespace("going", v1.NamespaceTerminating))
	controltest.Cache(t, w.Informers.InformerFor(&v1.ConfigMap{}, nil), published("has", "pem"), published("old", "other"))
	for _, name := range []string{"new", "has", "old", "going", "gone"} {
		if err := c.sync(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Writes(); got != "create configmaps new/kube-root-ca.crt\nupdate configmaps old/kube-root-ca.crt" {
		t.Errorf("wrote %q", got)
	}
	for _, name := range []string{"new", "old"} {
		made, err := w.Client.CoreV1().ConfigMaps(name).Get(context.Background(), configMap, metav1.GetOptions{})
		if err != nil || made.Data[entry] != "pem" {
			t.Errorf("%s: %v, %v", name, made, err)
		}
	}
}
