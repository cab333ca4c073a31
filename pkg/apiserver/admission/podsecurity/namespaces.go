package podsecurity

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	standard "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// How much of a namespace is looked at when its labels change.
const (
	maxPods = 3000
	maxTime = time.Second
)

// validateNamespace refuses labels that say nothing, and tells of pods that a
// stricter standard would not have let in. Those run on.
func (p *Plugin) validateNamespace(ctx context.Context, a *request.Attributes, namespace *corev1.Namespace) error {
	wanted, problems := policyOf(namespace)
	old, ok := a.OldObject.(*corev1.Namespace)
	if a.Operation == request.Create || !ok {
		if len(problems) > 0 {
			return apierrors.NewInvalid(a.Kind.GroupKind(), a.Name, problems)
		}
		return nil
	}
	had, oldProblems := policyOf(old)
	if len(problems) > 0 && !reflect.DeepEqual(problems, oldProblems) {
		return apierrors.NewInvalid(a.Kind.GroupKind(), a.Name, problems)
	}
	relaxed := wanted.Enforce.Version == had.Enforce.Version && standard.CompareLevels(wanted.Enforce.Level, had.Enforce.Level) < 1
	if relaxed || wanted.Enforce.Level == standard.LevelPrivileged {
		return nil
	}
	for _, text := range p.violations(ctx, namespace.Name, wanted.Enforce) {
		request.From(ctx).Warn(text)
	}
	return nil
}

// violations tells of the pods of a namespace that violate a standard, those of
// one reason together.
func (p *Plugin) violations(ctx context.Context, namespace string, lv standard.LevelVersion) (out []string) {
	pods, err := plugin.List[*corev1.Pod](ctx, p.store.Collection(core.Pod), namespace)
	if err != nil {
		return []string{"failed to list pods while checking new PodSecurity enforce level"}
	}
	pods = oneOfEachFirst(pods)
	end, checked := time.Now().Add(maxTime), 0
	names := map[string][]string{} // of the pods, by what they violate
	for _, pod := range pods[:min(len(pods), maxPods)] {
		checked++
		if result := policy.AggregateCheckResults(p.evaluator.EvaluatePod(lv, &pod.ObjectMeta, &pod.Spec)); !result.Allowed {
			names[result.ForbiddenReason()] = append(names[result.ForbiddenReason()], pod.Name)
		}
		if ctx.Err() != nil || time.Now().After(end) {
			break
		}
	}
	if checked < len(pods) {
		out = append(out, fmt.Sprintf("new PodSecurity enforce level only checked against the first %d of %d existing pods", checked, len(pods)))
	}
	if len(names) == 0 {
		return out
	}
	out = append(out, fmt.Sprintf("existing pods in namespace %q violate the new PodSecurity enforce level %q", namespace, lv.String()))
	var each []string
	for reason, pods := range names {
		text := slices.Min(pods)
		switch others := len(pods) - 1; others {
		case 0:
		case 1:
			text += " (and 1 other pod)"
		default:
			text += fmt.Sprintf(" (and %d other pods)", others)
		}
		each = append(each, text+": "+reason)
	}
	slices.Sort(each)
	return append(out, each...)
}

// oneOfEachFirst orders pods so that one of each controller comes before the
// others that it made, which are likely to be the same.
func oneOfEachFirst(pods []*corev1.Pod) []*corev1.Pod {
	seen := map[types.UID]bool{}
	var first, others []*corev1.Pod
	for _, pod := range pods {
		switch owner := metav1.GetControllerOfNoCopy(pod); {
		case owner == nil:
			first = append(first, pod)
		case seen[owner.UID]:
			others = append(others, pod)
		default:
			seen[owner.UID] = true
			first = append(first, pod)
		}
	}
	return append(first, others...)
}
