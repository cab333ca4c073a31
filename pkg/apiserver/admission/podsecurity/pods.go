package podsecurity

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	standard "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"slowmo/pkg/apiserver/request"
)

// verdict is on one pod, or on the pods of a template.
type verdict struct {
	meta     *metav1.ObjectMeta
	spec     *corev1.PodSpec
	policy   standard.Policy
	problems field.ErrorList // of the namespace's labels; what they do not say is restricted
	enforce  bool

	known map[standard.LevelVersion]policy.AggregateCheckResult
}

// judge refuses, writes to the audit log and warns, each by the standard that
// the namespace names for it. What is refused is not warned of.
func (p *Plugin) judge(ctx context.Context, a *request.Attributes, v *verdict) error {
	if len(v.problems) > 0 {
		annotate(ctx, "error", fmt.Sprintf("Failed to parse policy: %v", v.problems.ToAggregate()))
	}
	var refusal error
	if v.enforce {
		annotate(ctx, standard.EnforcedPolicyAnnotationKey, v.policy.Enforce.String())
		if result := p.evaluate(v, v.policy.Enforce); !result.Allowed {
			refusal = apierrors.NewForbidden(a.Resource.GroupResource(), a.Name,
				fmt.Errorf("violates PodSecurity %q: %s", v.policy.Enforce.String(), result.ForbiddenDetail()))
		}
	}
	if result := p.evaluate(v, v.policy.Audit); !result.Allowed {
		annotate(ctx, standard.AuditViolationsAnnotationKey, would(v.policy.Audit, result))
	}
	if refusal != nil {
		return refusal
	}
	if result := p.evaluate(v, v.policy.Warn); !result.Allowed {
		request.From(ctx).Warn(would(v.policy.Warn, result))
	}
	return nil
}

func would(lv standard.LevelVersion, result policy.AggregateCheckResult) string {
	return fmt.Sprintf("would violate PodSecurity %q: %s", lv.String(), result.ForbiddenDetail())
}

// evaluate asks once for each standard.
func (p *Plugin) evaluate(v *verdict, lv standard.LevelVersion) policy.AggregateCheckResult {
	if result, ok := v.known[lv]; ok {
		return result
	}
	if v.known == nil {
		v.known = map[standard.LevelVersion]policy.AggregateCheckResult{}
	}
	v.known[lv] = policy.AggregateCheckResults(p.evaluator.EvaluatePod(lv, v.meta, v.spec))
	return v.known[lv]
}

// runsTheSame reports whether an update leaves the containers and their images
// as they were: all else that the standards are about cannot change.
func runsTheSame(pod, old *corev1.Pod) bool {
	if !sameImages(pod.Spec.Containers, old.Spec.Containers) || !sameImages(pod.Spec.InitContainers, old.Spec.InitContainers) {
		return false
	}
	had := map[string]string{}
	for _, c := range old.Spec.EphemeralContainers {
		had[c.Name] = c.Image
	}
	for _, c := range pod.Spec.EphemeralContainers {
		if image, ok := had[c.Name]; !ok || image != c.Image {
			return false
		}
	}
	return true
}

func sameImages(containers, old []corev1.Container) bool {
	if len(containers) != len(old) {
		return false
	}
	for i := range containers {
		if containers[i].Image != old[i].Image {
			return false
		}
	}
	return true
}
