package pods

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/kubelet/status"
)

func TestVictim(t *testing.T) {
	type p struct {
		name     string
		priority int32
		request  string
		used     int64
	}
	for _, c := range []struct {
		name string
		pods []p
		want string
	}{
		{"nobody", nil, ""},
		{"whoever uses more than asked", []p{{"in", 0, "1Gi", 1 << 29}, {"over", 100, "1Mi", 2 << 20}}, "over"},
		{"the least priority", []p{{"high", 5, "0", 100}, {"low", 1, "0", 1}}, "low"},
		{"the farthest over", []p{{"some", 0, "1Mi", 2 << 20}, {"much", 0, "1Mi", 9 << 20}}, "much"},
		{"one within its request, if there is no other", []p{{"in", 0, "1Gi", 1}}, "in"},
		{"never a critical one", []p{{"critical", systemCritical, "0", 1 << 30}}, ""},
		{"not one that uses nothing", []p{{"idle", 0, "0", 0}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pods []*v1.Pod
			used := map[types.UID]int64{}
			for _, x := range c.pods {
				pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: x.name, UID: types.UID(x.name)}}
				pod.Spec.Priority = &x.priority
				pod.Spec.Containers = []v1.Container{{Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceMemory: resource.MustParse(x.request)}}}}
				pods, used[pod.UID] = append(pods, pod), x.used
			}
			got := ""
			if v := victim(pods, used); v != nil {
				got = v.Name
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEvictedPodFails(t *testing.T) {
	n := newNode(t)
	n.create("p")
	n.phase("p", v1.PodRunning)
	n.manager.worker("uid-p").evict(status.Verdict{Reason: "Evicted", Message: "low on memory"})
	p := n.phase("p", v1.PodFailed)
	if p.Status.Reason != "Evicted" || p.Status.Message != "low on memory" {
		t.Errorf("status %+v", p.Status)
	}
	n.until("its container is stopped", func() (bool, any) { rt := n.has("p"); return len(rt.Running()) == 0, rt })
}
