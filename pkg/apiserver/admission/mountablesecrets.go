package admission

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// onlyMountable is the annotation of a service account whose pods may use no
// secrets but those that it lists.
const onlyMountable = "kubernetes.io/enforce-mountable-secrets"

// checkMountable refuses a pod that uses other secrets than its account lists.
func checkMountable(account *corev1.ServiceAccount, pod *corev1.Pod) error {
	if only, _ := strconv.ParseBool(account.Annotations[onlyMountable]); !only {
		return nil
	}
	mountable := func(name string) bool {
		return slices.ContainsFunc(account.Secrets, func(ref corev1.ObjectReference) bool { return ref.Name == name })
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.Secret != nil && !mountable(volume.Secret.SecretName) {
			return fmt.Errorf("volume with secret.secretName=%q is not allowed because service account %s does not reference that secret",
				volume.Secret.SecretName, account.Name)
		}
	}
	check := func(what, container string, env []corev1.EnvVar) error {
		for _, variable := range env {
			if variable.ValueFrom == nil || variable.ValueFrom.SecretKeyRef == nil || mountable(variable.ValueFrom.SecretKeyRef.Name) {
				continue
			}
			return fmt.Errorf("%s %s with envVar %s referencing secret.secretName=%q is not allowed because service account %s does not reference that secret",
				what, container, variable.Name, variable.ValueFrom.SecretKeyRef.Name, account.Name)
		}
		return nil
	}
	for _, c := range pod.Spec.InitContainers {
		if err := check("init container", c.Name, c.Env); err != nil {
			return err
		}
	}
	for _, c := range pod.Spec.Containers {
		if err := check("container", c.Name, c.Env); err != nil {
			return err
		}
	}
	for _, c := range pod.Spec.EphemeralContainers {
		if err := check("ephemeral container", c.Name, c.Env); err != nil {
			return err
		}
	}
	for i, ref := range pod.Spec.ImagePullSecrets {
		if !slices.Contains(account.ImagePullSecrets, ref) {
			return fmt.Errorf("imagePullSecrets[%d].name=%q is not allowed because service account %s does not reference that imagePullSecret",
				i, ref.Name, account.Name)
		}
	}
	return nil
}
