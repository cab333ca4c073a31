package serviceaccount

import (
	"context"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control/controltest"
)

func TestEachLivingNamespaceHasADefaultAccount(t *testing.T) {
	namespace := func(name string, phase v1.NamespacePhase) *v1.Namespace {
		return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: v1.NamespaceStatus{Phase: phase}}
	}
	w := controltest.New()
	c := New(w.Env).(*controller)
	controltest.Cache(t, w.Informers.Core().V1().Namespaces().Informer(),
		namespace("new", v1.NamespaceActive), namespace("has", v1.NamespaceActive), namespace("going", v1.NamespaceTerminating))
	controltest.Cache(t, w.Informers.Core().V1().ServiceAccounts().Informer(),
		&v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "has"}})
	for _, name := range []string{"new", "has", "going", "gone"} {
		if err := c.sync(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Writes(); got != "create serviceaccounts new/default" {
		t.Errorf("wrote %q", got)
	}
	if err := c.sync(context.Background(), "new"); err != nil {
		t.Errorf("one that the cache does not have yet: %v", err)
	}
}
