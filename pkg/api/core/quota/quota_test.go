package quota

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

// amounts makes a list of "name", "quantity" pairs.
func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

func newPod(change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Spec.Containers = []corev1.Container{{Name: "c"}}
	if change != nil {
		change(pod)
	}
	return pod
}

func service(kind corev1.ServiceType, change func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{Spec: corev1.ServiceSpec{Type: kind, Ports: []corev1.ServicePort{{Port: 1}, {Port: 2, NodePort: 30000}}}}
	if change != nil {
		change(&s.Spec)
	}
	return s
}

func TestUsage(t *testing.T) {
	asking := newPod(func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests = amounts("cpu", "100m", "example.com/gpu", "2", "hugepages-2Mi", "4Mi")
		p.Spec.Containers[0].Resources.Limits = amounts("memory", "1Gi", "example.com/gpu", "2")
	})
	done := asking.DeepCopy()
	done.Status.Phase = corev1.PodSucceeded
	lost := asking.DeepCopy()
	lost.DeletionTimestamp, lost.DeletionGracePeriodSeconds = ptr.To(metav1.NewTime(time.Now().Add(-time.Hour))), ptr.To(int64(30))
	claim := &corev1.PersistentVolumeClaim{}
	claim.Spec.StorageClassName = ptr.To("gold")
	claim.Spec.Resources.Requests = amounts("storage", "1Gi")
	shrinking := claim.DeepCopy()
	shrinking.Status.AllocatedResources = amounts("storage", "3Gi")
	for _, test := range []struct {
		name     string
		resource schema.GroupResource
		obj      runtime.Object
		want     string
	}{
		{"a pod", schema.GroupResource{Resource: "pods"}, asking,
			"count/pods=1,cpu=100m,hugepages-2Mi=4Mi,limits.memory=1Gi,pods=1,requests.cpu=100m,requests.example.com/gpu=2,requests.hugepages-2Mi=4Mi"},
		{"a pod that is done", schema.GroupResource{Resource: "pods"}, done, "count/pods=1"},
		{"a pod that should be gone", schema.GroupResource{Resource: "pods"}, lost, "count/pods=1"},
		{"a service", schema.GroupResource{Resource: "services"}, service(corev1.ServiceTypeClusterIP, nil),
			"count/services=1,services=1,services.loadbalancers=0,services.nodeports=0"},
		{"node ports", schema.GroupResource{Resource: "services"}, service(corev1.ServiceTypeNodePort, nil),
			"count/services=1,services=1,services.loadbalancers=0,services.nodeports=2"},
		{"a load balancer without node ports", schema.GroupResource{Resource: "services"},
			service(corev1.ServiceTypeLoadBalancer, func(s *corev1.ServiceSpec) { s.AllocateLoadBalancerNodePorts = ptr.To(false) }),
			"count/services=1,services=1,services.loadbalancers=1,services.nodeports=1"},
		{"a claim", schema.GroupResource{Resource: "persistentvolumeclaims"}, claim,
			"count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/requests.storage=1Gi,persistentvolumeclaims=1,requests.storage=1Gi"},
		{"a claim that still has more", schema.GroupResource{Resource: "persistentvolumeclaims"}, shrinking,
			"count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/requests.storage=3Gi,persistentvolumeclaims=1,requests.storage=3Gi"},
		{"a secret", schema.GroupResource{Resource: "secrets"}, &corev1.Secret{}, "count/secrets=1,secrets=1"},
		{"a deployment", schema.GroupResource{Group: "apps", Resource: "deployments"}, nil, "count/deployments.apps=1"},
	} {
		e := For(test.resource)
		used := e.Usage(test.obj)
		if got := String(used); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		for name := range used {
			if !e.Counts(name) {
				t.Errorf("%s: %s is used and not counted", test.name, name)
			}
		}
		if e.Counts("other") {
			t.Errorf("%s: counts anything", test.name)
		}
	}
}

func TestScopes(t *testing.T) {
	plain := newPod(nil)
	burstable := newPod(func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests = amounts("cpu", "1") })
	timed := newPod(func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr.To(int64(5)) })
	high := newPod(func(p *corev1.Pod) { p.Spec.PriorityClassName = "high" })
	social := newPod(func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{Namespaces: []string{"b"}}}}}
	})
	pods := map[string]*corev1.Pod{"plain": plain, "burstable": burstable, "timed": timed, "high": high, "social": social}
	selects := func(operator corev1.ScopeSelectorOperator, values ...string) corev1.ResourceQuotaSpec {
		return corev1.ResourceQuotaSpec{ScopeSelector: &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{
			{ScopeName: corev1.ResourceQuotaScopePriorityClass, Operator: operator, Values: values}}}}
	}
	in := func(scopes ...corev1.ResourceQuotaScope) corev1.ResourceQuotaSpec {
		return corev1.ResourceQuotaSpec{Scopes: scopes}
	}
	for _, test := range []struct {
		name string
		spec corev1.ResourceQuotaSpec
		want map[string]bool
	}{
		{"none", in(), map[string]bool{"plain": true, "burstable": true, "timed": true, "high": true, "social": true}},
		{"best effort", in(corev1.ResourceQuotaScopeBestEffort), map[string]bool{"plain": true, "timed": true, "high": true, "social": true}},
		{"not best effort", in(corev1.ResourceQuotaScopeNotBestEffort), map[string]bool{"burstable": true}},
		{"terminating", in(corev1.ResourceQuotaScopeTerminating), map[string]bool{"timed": true}},
		{"two", in(corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeNotBestEffort), map[string]bool{"burstable": true}},
		{"priority", in(corev1.ResourceQuotaScopePriorityClass), map[string]bool{"high": true}},
		{"a priority", selects(corev1.ScopeSelectorOpIn, "high", "low"), map[string]bool{"high": true}},
		{"other priorities", selects(corev1.ScopeSelectorOpNotIn, "high"), map[string]bool{"plain": true, "burstable": true, "timed": true, "social": true}},
		{"no priority", selects(corev1.ScopeSelectorOpDoesNotExist), map[string]bool{"plain": true, "burstable": true, "timed": true, "social": true}},
		{"across namespaces", in(corev1.ResourceQuotaScopeCrossNamespacePodAffinity), map[string]bool{"social": true}},
	} {
		q := &corev1.ResourceQuota{Spec: test.spec, Status: corev1.ResourceQuotaStatus{Hard: amounts("pods", "1")}}
		for name, pod := range pods {
			if got := For(schema.GroupResource{Resource: "pods"}).Matches(q, pod); got != test.want[name] {
				t.Errorf("%s, %s: %t", test.name, name, got)
			}
		}
	}
	q := &corev1.ResourceQuota{Spec: in(corev1.ResourceQuotaScopeBestEffort), Status: corev1.ResourceQuotaStatus{Hard: amounts("services", "1")}}
	if For(schema.GroupResource{Resource: "services"}).Matches(q, &corev1.Service{}) {
		t.Error("a service is in a scope of pods")
	}
}

func TestMissing(t *testing.T) {
	limited := []corev1.ResourceName{"limits.memory", "pods", "requests.cpu", "requests.example.com/gpu"}
	two := func(change func(*corev1.Pod)) *corev1.Pod {
		return newPod(func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "b"})
			p.Spec.Containers[0].Resources.Limits = amounts("memory", "1Gi")
			if change != nil {
				change(p)
			}
		})
	}
	for _, test := range []struct {
		name string
		pod  *corev1.Pod
		want string
	}{
		{"some", two(nil), "must specify limits.memory for: b; requests.cpu for: b,c"},
		{"said for the pod", two(func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: amounts("cpu", "1"), Limits: amounts("memory", "1Gi")}
		}), ""},
		{"said for each", two(func(p *corev1.Pod) {
			for i := range p.Spec.Containers {
				p.Spec.Containers[i].Resources = corev1.ResourceRequirements{Requests: amounts("cpu", "1"), Limits: amounts("memory", "1Gi")}
			}
		}), ""},
	} {
		got := ""
		if err := For(schema.GroupResource{Resource: "pods"}).Missing(test.pod, limited); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestArithmetic(t *testing.T) {
	a, b := amounts("cpu", "1", "memory", "1Gi"), amounts("cpu", "500m", "pods", "2")
	if got := String(Add(a, b)); got != "cpu=1500m,memory=1Gi,pods=2" {
		t.Errorf("sum %s", got)
	}
	if got := String(Add(nil, b)); got != "cpu=500m,pods=2" {
		t.Errorf("sum with nothing %s", got)
	}
	if got := String(Grown(a, b)); got != "cpu=500m,memory=1Gi" {
		t.Errorf("growth %s", got)
	}
	if got := String(Grown(b, a)); got != "pods=2" {
		t.Errorf("what shrank grew: %s", got)
	}
	if got := String(Mask(a, b)); got != "cpu=1" {
		t.Errorf("mask %s", got)
	}
	if a["cpu"] != resource.MustParse("1") {
		t.Error("an operand was changed")
	}
}
