package noderestriction

import (
	"context"
	"errors"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"slowmo/pkg/api/core"
	storageapi "slowmo/pkg/api/storage"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// token lets a kubelet ask only for tokens that die with a pod of its own, for
// somebody to whom that pod shows one.
func (n *nodeRestriction) token(ctx context.Context, node string, a *request.Attributes) error {
	asked, ok := a.Object.(*authenticationv1.TokenRequest)
	if !ok || asked.Spec.BoundObjectRef == nil || asked.Spec.BoundObjectRef.Kind != "Pod" || asked.Spec.BoundObjectRef.APIVersion != "v1" {
		return errors.New("node requested token not bound to a pod")
	}
	ref := asked.Spec.BoundObjectRef
	if ref.UID == "" {
		return errors.New("node requested token with a pod binding without a uid")
	}
	pod, err := plugin.Lookup[*corev1.Pod](ctx, n.store.Collection(core.Pod), a.Namespace, ref.Name)
	if err != nil {
		return err
	}
	if pod.UID != ref.UID {
		return fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID)
	}
	if pod.Spec.NodeName != node {
		return errors.New("node requested token bound to a pod scheduled on a different node")
	}
	return n.audience(ctx, a, asked.Spec.Audiences, pod)
}

func (n *nodeRestriction) audience(ctx context.Context, a *request.Attributes, audiences []string, pod *corev1.Pod) error {
	if len(audiences) > 1 {
		return errors.New("node may only request 0 or 1 audiences")
	}
	audience := ""
	if len(audiences) == 1 {
		audience = audiences[0]
	}
	if n.showsTo(ctx, pod, audience) {
		return nil
	}
	decision, _, err := n.authorizer.Authorize(ctx, &request.Authorization{User: a.User, Info: &request.Info{
		IsResource: true,
		Verb:       "request-serviceaccounts-token-audience",
		APIVersion: "v1",
		Resource:   audience,
		Namespace:  a.Namespace,
		Name:       a.Name,
	}})
	if decision == request.Allow {
		return nil
	}
	if err != nil {
		return fmt.Errorf("audience %q not found in pod spec volume, error authorizing %s to request tokens for this audience: %w", audience, a.User.Name, err)
	}
	return fmt.Errorf("audience %q not found in pod spec volume, %s is not authorized to request tokens for this audience", audience, a.User.Name)
}

// showsTo says whether a volume of the pod holds a token for the audience, or is of a
// CSI driver that is given one.
func (n *nodeRestriction) showsTo(ctx context.Context, pod *corev1.Pod, audience string) bool {
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if volume.Projected != nil && slices.ContainsFunc(volume.Projected.Sources, func(source corev1.VolumeProjection) bool {
			return source.ServiceAccountToken != nil && source.ServiceAccountToken.Audience == audience
		}) {
			return true
		}
		name := n.driverOf(ctx, pod, volume)
		if name == "" {
			continue
		}
		driver, err := plugin.Lookup[*storagev1.CSIDriver](ctx, n.store.Collection(storageapi.CSIDriver), "", name)
		if err == nil && slices.ContainsFunc(driver.Spec.TokenRequests, func(r storagev1.TokenRequest) bool { return r.Audience == audience }) {
			return true
		}
	}
	return false
}

// driverOf returns the name of the CSI driver of a volume; empty if it is of none.
func (n *nodeRestriction) driverOf(ctx context.Context, pod *corev1.Pod, volume *corev1.Volume) string {
	claimName := ""
	switch {
	case volume.CSI != nil:
		return volume.CSI.Driver
	case volume.Ephemeral != nil:
		claimName = pod.Name + "-" + volume.Name
	case volume.PersistentVolumeClaim != nil:
		claimName = volume.PersistentVolumeClaim.ClaimName
	default:
		return ""
	}
	claim, err := plugin.Lookup[*corev1.PersistentVolumeClaim](ctx, n.store.Collection(core.PersistentVolumeClaim), pod.Namespace, claimName)
	if err != nil || claim.Spec.VolumeName == "" {
		return ""
	}
	bound, err := plugin.Lookup[*corev1.PersistentVolume](ctx, n.store.Collection(core.PersistentVolume), "", claim.Spec.VolumeName)
	if err != nil || bound.Spec.CSI == nil {
		return ""
	}
	return bound.Spec.CSI.Driver
}
