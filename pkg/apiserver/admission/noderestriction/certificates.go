package noderestriction

import (
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// podCertificate lets a kubelet ask for certificates only for pods that it runs, and as what
// they are. What a kubelet may have seen before this server has is an internal
// error, so that it tries again.
func (n *nodeRestriction) podCertificate(ctx context.Context, node string, a *request.Attributes) error {
	asked, ok := a.Object.(*certificatesv1.PodCertificateRequest)
	if a.Operation != request.Create || !ok {
		return fmt.Errorf("unexpected operation %v", a.Operation)
	}
	spec, podName := &asked.Spec, a.Namespace+"/"+asked.Spec.PodName
	if string(spec.NodeName) != node {
		return fmt.Errorf("PodCertificateRequest.Spec.NodeName=%q, which is not the requesting node %q", spec.NodeName, node)
	}
	running, err := named[*corev1.Node](ctx, n, core.Node, "node", "", node)
	if err != nil {
		return err
	}
	if running.UID != spec.NodeUID {
		return internal("PodCertificateRequest for pod %q names node UID %q, inconsistent with the running node (%q)", podName, spec.NodeUID, running.UID)
	}
	pod, err := named[*corev1.Pod](ctx, n, core.Pod, "pod", a.Namespace, spec.PodName)
	switch {
	case err != nil:
		return err
	case pod.UID != spec.PodUID:
		return internal("PodCertificateRequest for pod %q contains pod UID (%q) which differs from running pod %q", podName, spec.PodUID, pod.UID)
	case pod.Spec.NodeName != node:
		return fmt.Errorf("pod %q is not running on node %q named in the PodCertificateRequest", podName, spec.NodeName)
	case plugin.IsMirror(pod):
		return fmt.Errorf("pod %q is a mirror pod", podName)
	case pod.Spec.ServiceAccountName != spec.ServiceAccountName:
		return fmt.Errorf("PodCertificateRequest for pod %q contains serviceAccountName (%q) that differs from running pod (%q)", podName, spec.ServiceAccountName, pod.Spec.ServiceAccountName)
	}
	account, err := named[*corev1.ServiceAccount](ctx, n, core.ServiceAccount, "service account", a.Namespace, spec.ServiceAccountName)
	if err != nil {
		return err
	}
	if account.UID != spec.ServiceAccountUID {
		return internal("PodCertificateRequest for pod %q names service account UID %q, which differs from the running service account (%q)", podName, spec.ServiceAccountUID, account.UID)
	}
	return nil
}

// named reads an object that a request for a certificate names.
func named[T api.Object](ctx context.Context, n *nodeRestriction, r *api.Resource, what, namespace, name string) (T, error) {
	obj, err := plugin.Lookup[T](ctx, n.store.Collection(r), namespace, name)
	if err != nil {
		if namespace != "" {
			name = namespace + "/" + name
		}
		err = internal("while retrieving %s %q named in the PodCertificateRequest: %w", what, name, err)
	}
	return obj, err
}

func internal(format string, args ...any) error {
	return apierrors.NewInternalError(fmt.Errorf(format, args...))
}
