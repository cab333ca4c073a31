package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// evictAfter is how many seconds a pod stays on a node that is gone or unwell,
// unless it says otherwise.
const evictAfter = int64(300)

// tolerationSeconds is the plugin DefaultTolerationSeconds.
type tolerationSeconds struct{ plugin.Mutates }

// Mutate adds the two tolerations to pods that say nothing of those taints.
func (tolerationSeconds) Mutate(_ context.Context, a *request.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !plugin.Is(a, "", "pods") || a.Operation != request.Create && a.Operation != request.Update {
		return nil
	}
	for _, taint := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		if !tolerates(pod.Spec.Tolerations, taint) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
				Key:               taint,
				Operator:          corev1.TolerationOpExists,
				Effect:            corev1.TaintEffectNoExecute,
				TolerationSeconds: ptr.To(evictAfter),
			})
		}
	}
	return nil
}

func tolerates(tolerations []corev1.Toleration, taint string) bool {
	for i := range tolerations {
		t := &tolerations[i]
		if (t.Key == taint || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "") {
			return true
		}
	}
	return false
}
