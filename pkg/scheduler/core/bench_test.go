package core

import (
	"fmt"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// BenchmarkPlace decides and places 3,000 pods of one Deployment on an empty cluster; one operation
// is one pod.
func BenchmarkPlace(b *testing.B) {
	const pods = 3000
	anti := &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{{
		Weight: 10, PodAffinityTerm: v1.PodAffinityTerm{TopologyKey: v1.LabelHostname,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}}}}
	zones := []v1.TopologySpreadConstraint{{MaxSkew: 5, TopologyKey: v1.LabelTopologyZone, WhenUnsatisfiable: v1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}
	for _, nodes := range []int{1000, 5000} {
		for _, kind := range []struct {
			name string
			edit func(*v1.Pod)
		}{
			{"plain", func(*v1.Pod) {}},
			{"spread", func(p *v1.Pod) { p.Spec.TopologySpreadConstraints = zones }},
			{"anti-affinity", func(p *v1.Pod) { p.Spec.Affinity = anti }},
		} {
			b.Run(fmt.Sprintf("%s/nodes=%d", kind.name, nodes), func(b *testing.B) {
				b.ReportAllocs()
				var s *Snapshot
				for i := 0; b.Loop(); i++ {
					if i%pods == 0 {
						b.StopTimer()
						s = benchCluster(nodes)
						b.StartTimer()
					}
					pod := benchPod(i)
					kind.edit(pod)
					p, err := Parse(pod)
					if err != nil {
						b.Fatal(err)
					}
					d := s.Decide(p)
					if d.Node == "" {
						b.Fatal(d)
					}
					bound := *pod
					bound.Spec.NodeName = d.Node
					if _, err := s.SetPod(&bound); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func benchCluster(nodes int) *Snapshot {
	s := NewSnapshot()
	for i := range nodes {
		n := &v1.Node{}
		n.Name = fmt.Sprintf("node-%04d", i)
		n.Labels = map[string]string{v1.LabelHostname: n.Name, v1.LabelTopologyZone: fmt.Sprint("zone-", i%3)}
		n.Status.Allocatable = v1.ResourceList{v1.ResourceCPU: resource.MustParse("8"),
			v1.ResourceMemory: resource.MustParse("32Gi"), v1.ResourcePods: resource.MustParse("110")}
		s.SetNode(n)
	}
	return s
}

func benchPod(i int) *v1.Pod {
	yes := true
	p := &v1.Pod{}
	p.Namespace, p.Name, p.UID = "default", fmt.Sprint("web-", i), types.UID(fmt.Sprint(i))
	p.Labels = map[string]string{"app": "web", "pod-template-hash": "abc"}
	p.OwnerReferences = []metav1.OwnerReference{{UID: "rs", Controller: &yes}}
	p.Spec.Containers = []v1.Container{{Name: "web", Image: "web", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
		v1.ResourceCPU: resource.MustParse("100m"), v1.ResourceMemory: resource.MustParse("128Mi")}}}}
	return p
}
