// Package podsecurity holds the pods of a namespace to the Pod Security Standard
// that its labels name: it refuses those that violate it, warns of them, or
// writes them to the audit log. What the standards are is upstream's own library.
//
// podsecurity.go says what is asked of which write, pods.go how a pod is judged,
// namespaces.go what happens when labels change.
//
// https://kubernetes.io/docs/concepts/security/pod-security-admission/
package podsecurity

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	standard "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// Plugin is the admission plugin PodSecurity. It is safe for concurrent use.
type Plugin struct {
	plugin.Validates
	store     *storage.Store
	evaluator policy.Evaluator
}

// New returns the plugin, which looks up namespaces and pods in store. It
// panics if the library does not accept its own checks.
func New(store *storage.Store) *Plugin {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(fmt.Sprintf("podsecurity: the standards' own checks: %v", err))
	}
	return &Plugin{store: store, evaluator: evaluator}
}

// unrestricted is the policy of a namespace without labels.
var unrestricted = func() standard.Policy {
	all := standard.LevelVersion{Level: standard.LevelPrivileged, Version: standard.LatestVersion()}
	return standard.Policy{Enforce: all, Audit: all, Warn: all}
}()

func policyOf(namespace *corev1.Namespace) (standard.Policy, field.ErrorList) {
	return standard.PolicyToEvaluate(namespace.Labels, unrestricted)
}

// Validate judges pods, what makes pods, and the labels of namespaces.
func (p *Plugin) Validate(ctx context.Context, a *request.Attributes) error {
	if a.Operation != request.Create && a.Operation != request.Update {
		return nil
	}
	switch obj := a.Object.(type) {
	case *corev1.Namespace:
		if a.Subresource != "" {
			return nil
		}
		return p.validateNamespace(ctx, a, obj)
	case *corev1.Pod:
		return p.validatePod(ctx, a, obj)
	}
	if template := templateOf(a); template != nil && a.Subresource == "" {
		return p.validateTemplate(ctx, a, template)
	}
	return nil
}

// templateOf returns the template of an object that makes pods; nil if it has none.
func templateOf(a *request.Attributes) *corev1.PodTemplateSpec {
	switch obj := a.Object.(type) {
	case *corev1.PodTemplate:
		return &obj.Template
	case *corev1.ReplicationController:
		return obj.Spec.Template
	case *appsv1.ReplicaSet:
		return &obj.Spec.Template
	case *appsv1.Deployment:
		return &obj.Spec.Template
	case *appsv1.StatefulSet:
		return &obj.Spec.Template
	case *appsv1.DaemonSet:
		return &obj.Spec.Template
	case *batchv1.Job:
		return &obj.Spec.Template
	case *batchv1.CronJob:
		return &obj.Spec.JobTemplate.Spec.Template
	}
	return nil
}

// validatePod refuses a pod that violates what its namespace enforces. A pod
// that exists is judged again when it runs something else.
func (p *Plugin) validatePod(ctx context.Context, a *request.Attributes, pod *corev1.Pod) error {
	switch a.Subresource {
	case "", "ephemeralcontainers", "resize":
	default:
		return nil
	}
	namespace, err := plugin.Lookup[*corev1.Namespace](ctx, p.store.Collection(core.Namespace), "", a.Namespace)
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("failed to lookup namespace %q", a.Namespace))
	}
	wanted, problems := policyOf(namespace)
	if len(problems) == 0 && wanted.FullyPrivileged() {
		annotate(ctx, standard.EnforcedPolicyAnnotationKey, wanted.Enforce.String())
		return nil
	}
	if old, ok := a.OldObject.(*corev1.Pod); ok && a.Operation == request.Update && runsTheSame(pod, old) {
		return nil
	}
	return p.judge(ctx, a, &verdict{meta: &pod.ObjectMeta, spec: &pod.Spec, policy: wanted, problems: problems, enforce: true})
}

// validateTemplate warns of pods that will be refused. It refuses nothing
// itself, not even when it cannot know.
func (p *Plugin) validateTemplate(ctx context.Context, a *request.Attributes, template *corev1.PodTemplateSpec) error {
	namespace, err := plugin.Lookup[*corev1.Namespace](ctx, p.store.Collection(core.Namespace), "", a.Namespace)
	if err != nil {
		annotate(ctx, "error", fmt.Sprintf("failed to lookup namespace %q: %v", a.Namespace, err))
		return nil
	}
	wanted, problems := policyOf(namespace)
	if len(problems) == 0 && wanted.Warn.Level == standard.LevelPrivileged && wanted.Audit.Level == standard.LevelPrivileged {
		return nil
	}
	return p.judge(ctx, a, &verdict{meta: &template.ObjectMeta, spec: &template.Spec, policy: wanted, problems: problems})
}

// annotate adds to the request's audit event.
func annotate(ctx context.Context, key, value string) {
	request.From(ctx).Annotate(standard.AuditAnnotationPrefix+key, value)
}
