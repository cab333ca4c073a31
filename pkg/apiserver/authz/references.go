package authz

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// VisitReferences calls visit with each object of its own namespace that a pod
// needs on its node: secrets, configmaps, persistentvolumeclaims,
// resourceclaims and its serviceaccount. It may call twice for the same one.
func VisitReferences(pod *corev1.Pod, visit func(resource, name string)) {
	named := func(resource, name string) {
		if name != "" {
			visit(resource, name)
		}
	}
	named("serviceaccounts", pod.Spec.ServiceAccountName)
	for _, secret := range pod.Spec.ImagePullSecrets {
		named("secrets", secret.Name)
	}
	for i := range pod.Spec.Volumes {
		visitVolume(&pod.Spec.Volumes[i], pod.Name, named)
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		visitEnvironment(c.Env, c.EnvFrom, named)
	}
	for i := range pod.Spec.EphemeralContainers {
		visitEnvironment(pod.Spec.EphemeralContainers[i].Env, pod.Spec.EphemeralContainers[i].EnvFrom, named)
	}
	visitResourceClaims(pod, named)
}

func visitVolume(v *corev1.Volume, pod string, visit func(resource, name string)) {
	if v.Secret != nil {
		visit("secrets", v.Secret.SecretName)
	}
	if v.ConfigMap != nil {
		visit("configmaps", v.ConfigMap.Name)
	}
	if v.PersistentVolumeClaim != nil {
		visit("persistentvolumeclaims", v.PersistentVolumeClaim.ClaimName)
	}
	if v.Ephemeral != nil {
		visit("persistentvolumeclaims", pod+"-"+v.Name)
	}
	for _, ref := range driverSecrets(v) {
		if ref != nil {
			visit("secrets", ref.Name)
		}
	}
	if v.AzureFile != nil {
		visit("secrets", v.AzureFile.SecretName)
	}
	if v.Projected == nil {
		return
	}
	for _, source := range v.Projected.Sources {
		if source.Secret != nil {
			visit("secrets", source.Secret.Name)
		}
		if source.ConfigMap != nil {
			visit("configmaps", source.ConfigMap.Name)
		}
	}
}

// driverSecrets are those with which a volume's driver makes itself known; some are nil.
func driverSecrets(v *corev1.Volume) (refs []*corev1.LocalObjectReference) {
	if v.CephFS != nil {
		refs = append(refs, v.CephFS.SecretRef)
	}
	if v.Cinder != nil {
		refs = append(refs, v.Cinder.SecretRef)
	}
	if v.CSI != nil {
		refs = append(refs, v.CSI.NodePublishSecretRef)
	}
	if v.FlexVolume != nil {
		refs = append(refs, v.FlexVolume.SecretRef)
	}
	if v.ISCSI != nil {
		refs = append(refs, v.ISCSI.SecretRef)
	}
	if v.RBD != nil {
		refs = append(refs, v.RBD.SecretRef)
	}
	if v.ScaleIO != nil {
		refs = append(refs, v.ScaleIO.SecretRef)
	}
	if v.StorageOS != nil {
		refs = append(refs, v.StorageOS.SecretRef)
	}
	return refs
}

func visitEnvironment(env []corev1.EnvVar, from []corev1.EnvFromSource, visit func(resource, name string)) {
	for _, variable := range env {
		if variable.ValueFrom == nil {
			continue
		}
		if ref := variable.ValueFrom.SecretKeyRef; ref != nil {
			visit("secrets", ref.Name)
		}
		if ref := variable.ValueFrom.ConfigMapKeyRef; ref != nil {
			visit("configmaps", ref.Name)
		}
	}
	for _, source := range from {
		if source.SecretRef != nil {
			visit("secrets", source.SecretRef.Name)
		}
		if source.ConfigMapRef != nil {
			visit("configmaps", source.ConfigMapRef.Name)
		}
	}
}

// visitResourceClaims knows the claims that a pod names, and those that were
// made for it, which its status names.
func visitResourceClaims(pod *corev1.Pod, visit func(resource, name string)) {
	for _, claim := range pod.Spec.ResourceClaims {
		if claim.ResourceClaimName != nil {
			visit("resourceclaims", *claim.ResourceClaimName)
		}
	}
	for _, made := range pod.Status.ResourceClaimStatuses {
		if made.ResourceClaimName != nil {
			visit("resourceclaims", *made.ResourceClaimName)
		}
	}
	if made := pod.Status.ExtendedResourceClaimStatus; made != nil {
		visit("resourceclaims", made.ResourceClaimName)
	}
}

// volumeSecrets lists the secrets that a kubelet needs to mount a persistent
// volume. Those without a namespace are in the claim's.
func volumeSecrets(volume *corev1.PersistentVolume) (refs []corev1.SecretReference) {
	add := func(list ...*corev1.SecretReference) {
		for _, ref := range list {
			if ref == nil {
				continue
			}
			named := *ref
			if named.Namespace == "" && volume.Spec.ClaimRef != nil {
				named.Namespace = volume.Spec.ClaimRef.Namespace
			}
			refs = append(refs, named)
		}
	}
	source := &volume.Spec.PersistentVolumeSource
	if source.AzureFile != nil {
		ref := corev1.SecretReference{Name: source.AzureFile.SecretName}
		if source.AzureFile.SecretNamespace != nil {
			ref.Namespace = *source.AzureFile.SecretNamespace
		}
		add(&ref)
	}
	if source.CephFS != nil {
		add(source.CephFS.SecretRef)
	}
	if source.Cinder != nil {
		add(source.Cinder.SecretRef)
	}
	if source.CSI != nil {
		add(source.CSI.NodePublishSecretRef, source.CSI.NodeStageSecretRef, source.CSI.NodeExpandSecretRef)
	}
	if source.FlexVolume != nil {
		add(source.FlexVolume.SecretRef)
	}
	if source.ISCSI != nil {
		add(source.ISCSI.SecretRef)
	}
	if source.RBD != nil {
		add(source.RBD.SecretRef)
	}
	if source.ScaleIO != nil {
		add(source.ScaleIO.SecretRef)
	}
	if source.StorageOS != nil && source.StorageOS.SecretRef != nil {
		add(&corev1.SecretReference{Namespace: source.StorageOS.SecretRef.Namespace, Name: source.StorageOS.SecretRef.Name})
	}
	return refs
}
