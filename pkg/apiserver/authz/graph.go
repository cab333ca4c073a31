package authz

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// graph knows which objects the pods of each node use.
type graph struct {
	mu   sync.RWMutex
	pods map[key]podUses
	// count is how many pods of a node use an object; no entry is zero.
	count map[string]map[use]int
}

// use names an object by resource ("secrets"), namespace and name.
type use struct{ resource, namespace, name string }

// podUses is what one bound pod contributes to the counts.
type podUses struct {
	node string
	uses map[use]struct{}
}

func newGraph() *graph {
	return &graph{pods: map[key]podUses{}, count: map[string]map[use]int{}}
}

// uses says whether a pod of the node uses the object; a pod uses itself.
func (g *graph) uses(node string, u use) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.count[node][u] > 0
}

// set replaces what is known of a pod; nil removes it.
func (g *graph) set(namespace, name string, pod *corev1.Pod) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := key{namespace, name}
	if old, there := g.pods[k]; there {
		g.add(old, -1)
		delete(g.pods, k)
	}
	if pod == nil || pod.Spec.NodeName == "" {
		return
	}
	fresh := podUses{node: pod.Spec.NodeName, uses: usesOf(pod)}
	g.pods[k] = fresh
	g.add(fresh, 1)
}

func (g *graph) add(p podUses, by int) {
	counts := g.count[p.node]
	if counts == nil {
		counts = map[use]int{}
		g.count[p.node] = counts
	}
	for u := range p.uses {
		if counts[u] += by; counts[u] == 0 {
			delete(counts, u)
		}
	}
	if len(counts) == 0 {
		delete(g.count, p.node)
	}
}

// usesOf lists what a pod refers to. A mirror pod of a static pod refers to
// nothing but itself: it was made by the kubelet, which must not widen its own
// rights with it.
func usesOf(pod *corev1.Pod) map[use]struct{} {
	uses := map[use]struct{}{{"pods", pod.Namespace, pod.Name}: {}}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return uses
	}
	add := func(resource, name string) {
		if name != "" {
			uses[use{resource, pod.Namespace, name}] = struct{}{}
		}
	}
	add("serviceaccounts", pod.Spec.ServiceAccountName)
	for _, secret := range pod.Spec.ImagePullSecrets {
		add("secrets", secret.Name)
	}
	for i := range pod.Spec.Volumes {
		volumeUses(&pod.Spec.Volumes[i], pod.Name, add)
	}
	for i := range pod.Spec.InitContainers {
		environmentUses(pod.Spec.InitContainers[i].Env, pod.Spec.InitContainers[i].EnvFrom, add)
	}
	for i := range pod.Spec.Containers {
		environmentUses(pod.Spec.Containers[i].Env, pod.Spec.Containers[i].EnvFrom, add)
	}
	for i := range pod.Spec.EphemeralContainers {
		environmentUses(pod.Spec.EphemeralContainers[i].Env, pod.Spec.EphemeralContainers[i].EnvFrom, add)
	}
	return uses
}

func volumeUses(v *corev1.Volume, pod string, add func(resource, name string)) {
	if v.Secret != nil {
		add("secrets", v.Secret.SecretName)
	}
	if v.ConfigMap != nil {
		add("configmaps", v.ConfigMap.Name)
	}
	if v.PersistentVolumeClaim != nil {
		add("persistentvolumeclaims", v.PersistentVolumeClaim.ClaimName)
	}
	if v.Ephemeral != nil {
		add("persistentvolumeclaims", pod+"-"+v.Name)
	}
	if v.CSI != nil && v.CSI.NodePublishSecretRef != nil {
		add("secrets", v.CSI.NodePublishSecretRef.Name)
	}
	if v.Projected == nil {
		return
	}
	for _, source := range v.Projected.Sources {
		if source.Secret != nil {
			add("secrets", source.Secret.Name)
		}
		if source.ConfigMap != nil {
			add("configmaps", source.ConfigMap.Name)
		}
	}
}

func environmentUses(env []corev1.EnvVar, from []corev1.EnvFromSource, add func(resource, name string)) {
	for _, variable := range env {
		if variable.ValueFrom == nil {
			continue
		}
		if ref := variable.ValueFrom.SecretKeyRef; ref != nil {
			add("secrets", ref.Name)
		}
		if ref := variable.ValueFrom.ConfigMapKeyRef; ref != nil {
			add("configmaps", ref.Name)
		}
	}
	for _, source := range from {
		if source.SecretRef != nil {
			add("secrets", source.SecretRef.Name)
		}
		if source.ConfigMapRef != nil {
			add("configmaps", source.ConfigMapRef.Name)
		}
	}
}
