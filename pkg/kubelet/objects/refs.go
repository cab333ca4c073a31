package objects

import (
	v1 "k8s.io/api/core/v1"
)

// Refs are the ConfigMaps and Secrets that a pod's spec names, each once:
// volumes, environment and image pull secrets.
func Refs(pod *v1.Pod) []Ref {
	seen := map[Ref]bool{}
	var refs []Ref
	add := func(resource, name string) {
		ref := Ref{resource, pod.Namespace, name}
		if name != "" && !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	for i := range pod.Spec.Volumes {
		volumeRefs(&pod.Spec.Volumes[i], add)
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			envRefs(&list[i], add)
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		envRefs((*v1.Container)(&pod.Spec.EphemeralContainers[i].EphemeralContainerCommon), add)
	}
	for _, s := range pod.Spec.ImagePullSecrets {
		add("secrets", s.Name)
	}
	return refs
}

func volumeRefs(v *v1.Volume, add func(resource, name string)) {
	switch {
	case v.ConfigMap != nil:
		add("configmaps", v.ConfigMap.Name)
	case v.Secret != nil:
		add("secrets", v.Secret.SecretName)
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			if s.ConfigMap != nil {
				add("configmaps", s.ConfigMap.Name)
			}
			if s.Secret != nil {
				add("secrets", s.Secret.Name)
			}
		}
	}
}

func envRefs(c *v1.Container, add func(resource, name string)) {
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			add("configmaps", from.ConfigMapRef.Name)
		}
		if from.SecretRef != nil {
			add("secrets", from.SecretRef.Name)
		}
	}
	for _, env := range c.Env {
		if env.ValueFrom == nil {
			continue
		}
		if ref := env.ValueFrom.ConfigMapKeyRef; ref != nil {
			add("configmaps", ref.Name)
		}
		if ref := env.ValueFrom.SecretKeyRef; ref != nil {
			add("secrets", ref.Name)
		}
	}
}
