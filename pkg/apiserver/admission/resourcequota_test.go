package admission

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"

	"slowmo/pkg/api/core"
	"slowmo/pkg/api/core/quota"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

// amounts makes a list of "name", "quantity" pairs.
func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

// quota stores a quota as its controller leaves it.
func (w *world) quota(name string, hard, used corev1.ResourceList, scopes ...corev1.ResourceQuotaScope) {
	q := &corev1.ResourceQuota{}
	q.Namespace, q.Name = "ns", name
	q.Spec = corev1.ResourceQuotaSpec{Hard: hard, Scopes: scopes}
	q.Status = corev1.ResourceQuotaStatus{Hard: hard, Used: used}
	storetest.Put(w, w.store, core.ResourceQuota, q)
}

// used returns what the quota has counted.
func (w *world) used(name string) string {
	w.Helper()
	record, err := w.store.Collection(core.ResourceQuota).Get(w.Context(), "ns", name, storage.Consistent)
	if err != nil {
		w.Fatal(err)
	}
	obj, err := record.Object()
	if err != nil {
		w.Fatal(err)
	}
	return quota.String(obj.(*corev1.ResourceQuota).Status.Used)
}

func asking(cpu string) *corev1.Pod {
	return newPod(func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests = amounts("cpu", cpu) })
}

func TestResourceQuota(t *testing.T) {
	w := newWorld(t)
	w.quota("compute", amounts("pods", "3", "requests.cpu", "1", "count/configmaps", "1"), amounts("pods", "0", "requests.cpu", "0", "count/configmaps", "0"))
	w.quota("besteffort", amounts("pods", "0"), amounts("pods", "0"), corev1.ResourceQuotaScopeBestEffort)
	pod := func(p *corev1.Pod) error { return w.admit(attributes(request.Create, core.Pod, p, nil)) }

	if err := pod(asking("600m")); err != nil {
		t.Fatal(err)
	}
	refused(t, "too much cpu", pod(asking("500m")),
		`pods "web" is forbidden: exceeded quota: compute, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1`)
	refused(t, "not said", pod(newPod(nil)), `pods "web" is forbidden: exceeded quota: besteffort, requested: pods=1, used: pods=0, limited: pods=0`)
	w.quota("aaa", amounts("requests.cpu", "9"), amounts("requests.cpu", "0"))
	refused(t, "not said where it must be", pod(newPod(nil)), `pods "web" is forbidden: failed quota: aaa: must specify requests.cpu for: c`)

	rehearsed := attributes(request.Create, core.Pod, asking("100m"), nil)
	rehearsed.DryRun = true
	if err := w.admit(rehearsed); err != nil {
		t.Error(err)
	}
	if got := w.used("compute"); got != "count/configmaps=0,pods=1,requests.cpu=600m" {
		t.Errorf("compute: %s", got)
	}
	if got := w.used("aaa"); got != "requests.cpu=0" {
		t.Errorf("aaa: %s", got)
	}

	grown := attributes(request.Update, core.Pod, asking("900m"), asking("600m"))
	grown.Subresource = "resize"
	grown.OldObject.SetResourceVersion("1")
	if err := w.admit(grown); err != nil {
		t.Error(err)
	}
	if got := w.used("compute"); got != "count/configmaps=0,pods=1,requests.cpu=900m" {
		t.Errorf("after the resize: %s", got)
	}
	if err := w.admit(attributes(request.Update, core.Pod, asking("900m"), asking("900m"))); err != nil {
		t.Errorf("an update without a change: %v", err)
	}

	m := &corev1.ConfigMap{}
	m.Namespace, m.Name = "ns", "m"
	if err := w.admit(attributes(request.Create, core.ConfigMap, m, nil)); err != nil {
		t.Error(err)
	}
	refused(t, "a second one", w.admit(attributes(request.Create, core.ConfigMap, m, nil)),
		`configmaps "m" is forbidden: exceeded quota: compute, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1`)

	w.quota("new", amounts("count/secrets", "1"), nil)
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = "ns", "s"
	refused(t, "before it was counted", w.admit(attributes(request.Create, core.Secret, secret, nil)), "status unknown for quota: new, resources: count/secrets")
}

// TestQuotaIsNeverExceeded: many writers at once get what there is and no more.
func TestQuotaIsNeverExceeded(t *testing.T) {
	w := newWorld(t)
	w.quota("few", amounts("count/configmaps", "5"), amounts("count/configmaps", "0"))
	var writers sync.WaitGroup
	results := make(chan error, 20)
	for i := range cap(results) {
		writers.Go(func() {
			m := &corev1.ConfigMap{}
			m.Namespace, m.Name = "ns", fmt.Sprintf("m%d", i)
			results <- w.admit(attributes(request.Create, core.ConfigMap, m, nil))
		})
	}
	writers.Wait()
	close(results)
	admitted := 0
	for err := range results {
		switch {
		case err == nil:
			admitted++
		case !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "exceeded quota: few"):
			t.Error(err)
		}
	}
	if got := w.used("few"); admitted != 5 || got != "count/configmaps=5" {
		t.Errorf("%d admitted, used %s", admitted, got)
	}
}
