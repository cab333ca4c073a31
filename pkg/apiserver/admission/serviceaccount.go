package admission

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

const (
	// tokenPath is where every client looks for its token.
	tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"
	// tokenSeconds asks for a token that old clients, which never reload it,
	// can go on using; see authn.
	tokenSeconds = int64(3607)
	// accountDelay is how long a new namespace's default account is waited for.
	accountDelay = 500 * time.Millisecond
)

// serviceAccount gives each new pod a service account and a volume with its token.
type serviceAccount struct{ store *storage.Store }

// Mutate sets the account, its pull secrets and the token volume.
func (s *serviceAccount) Mutate(ctx context.Context, a *request.Attributes) error {
	pod := s.podOf(a)
	if pod == nil || plugin.IsMirror(pod) {
		return nil
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = "default"
	}
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	account, err := s.account(ctx, a, pod.Spec.ServiceAccountName)
	if err != nil {
		return err
	}
	if wantsToken(account, pod) {
		mountToken(pod)
	}
	if len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = append([]corev1.LocalObjectReference(nil), account.ImagePullSecrets...)
	}
	return nil
}

// Validate refuses mirror pods that refer to what only the API may give, and
// pods that use secrets which their account may not.
func (s *serviceAccount) Validate(ctx context.Context, a *request.Attributes) error {
	pod := s.podOf(a)
	if debugged, ok := a.Object.(*corev1.Pod); ok && a.Operation == request.Update && plugin.Is(a, "", "pods/ephemeralcontainers") {
		pod = debugged
	}
	switch {
	case pod == nil:
		return nil
	case plugin.IsMirror(pod):
		return checkMirror(a, pod)
	case pod.Spec.ServiceAccountName == "":
		return plugin.Forbid(a, fmt.Errorf("no service account specified for pod %s/%s", a.Namespace, pod.Name))
	}
	account, err := s.account(ctx, a, pod.Spec.ServiceAccountName)
	if err != nil {
		return err
	}
	if err := checkMountable(account, pod); err != nil {
		return plugin.Forbid(a, err)
	}
	return nil
}

func checkMirror(a *request.Attributes, pod *corev1.Pod) error {
	if pod.Spec.ServiceAccountName != "" {
		return plugin.Forbid(a, errors.New("a mirror pod may not reference service accounts"))
	}
	var secrets bool
	authz.VisitReferences(pod, func(resource, _ string) { secrets = secrets || resource == "secrets" })
	if secrets {
		return plugin.Forbid(a, errors.New("a mirror pod may not reference secrets"))
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ServiceAccountToken != nil {
				return plugin.Forbid(a, errors.New("a mirror pod may not use ServiceAccountToken volume projections"))
			}
		}
	}
	return nil
}

// podOf returns the pod that is being created, nil for any other write.
func (s *serviceAccount) podOf(a *request.Attributes) *corev1.Pod {
	if a.Operation != request.Create || !plugin.Is(a, "", "pods") {
		return nil
	}
	pod, _ := a.Object.(*corev1.Pod)
	return pod
}

func (s *serviceAccount) account(ctx context.Context, a *request.Attributes, name string) (*corev1.ServiceAccount, error) {
	accounts := s.store.Collection(core.ServiceAccount)
	account, err := plugin.Lookup[*corev1.ServiceAccount](ctx, accounts, a.Namespace, name)
	if apierrors.IsNotFound(err) && name == "default" {
		// A controller makes it as soon as it sees a new namespace.
		await(ctx, accounts, a.Namespace, name, accountDelay)
		account, err = plugin.Lookup[*corev1.ServiceAccount](ctx, accounts, a.Namespace, name)
	}
	if err != nil {
		return nil, plugin.Forbid(a, fmt.Errorf("error looking up service account %s/%s: %w", a.Namespace, name, err))
	}
	return account, nil
}

// wantsToken: the pod's word counts before the account's; without any, yes.
func wantsToken(account *corev1.ServiceAccount, pod *corev1.Pod) bool {
	if pod.Spec.AutomountServiceAccountToken != nil {
		return *pod.Spec.AutomountServiceAccountToken
	}
	return ptr.Deref(account.AutomountServiceAccountToken, true)
}

// mountToken mounts one volume into each container that has nothing at that
// path, and adds the volume if one of them needed it.
func mountToken(pod *corev1.Pod) {
	name := "kube-api-access-" + utilrand.String(5)
	for taken(pod, name) {
		name = "kube-api-access-" + utilrand.String(5)
	}
	mounted := mountInto(pod.Spec.InitContainers, name)
	mounted = mountInto(pod.Spec.Containers, name) || mounted
	if mounted {
		pod.Spec.Volumes = append(pod.Spec.Volumes, tokenVolume(name))
	}
}

func taken(pod *corev1.Pod, name string) bool {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == name {
			return true
		}
	}
	return false
}

func mountInto(containers []corev1.Container, volume string) bool {
	mounted := false
	for i := range containers {
		if mountsAt(containers[i].VolumeMounts, tokenPath) {
			continue
		}
		mounted = true
		containers[i].VolumeMounts = append(containers[i].VolumeMounts, corev1.VolumeMount{
			Name:      volume,
			ReadOnly:  true,
			MountPath: tokenPath,
		})
	}
	return mounted
}

func mountsAt(mounts []corev1.VolumeMount, path string) bool {
	for i := range mounts {
		if mounts[i].MountPath == path {
			return true
		}
	}
	return false
}

// tokenVolume is what in-cluster clients need: token, ca.crt and namespace.
func tokenVolume(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: ptr.To(corev1.ProjectedVolumeSourceDefaultMode),
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Path:              "token",
				ExpirationSeconds: ptr.To(tokenSeconds),
			}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
				Path:     "namespace",
				FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"},
			}}}},
		},
	}}}
}

// await returns when the object is there, or after the delay.
func await(ctx context.Context, c *storage.Collection, namespace, name string, delay time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, delay)
	defer cancel()
	watcher, err := c.Watch(ctx, storage.WatchOptions{
		Namespace: namespace,
		Predicate: storage.Predicate{Field: fields.OneTermEqualSelector("metadata.name", name)},
	})
	if err != nil {
		return
	}
	defer watcher.Close()
	// Whichever comes first: the object or the end of the delay. The caller looks again.
	_, _ = watcher.Next()
}
