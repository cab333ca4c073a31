package admissionregistration

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	webhookapi "slowmo/pkg/api/webhook"
)

// webhookCheck validates the webhooks of a configuration. What an update finds in
// the stored ones although there is a rule against it now, it lets stand.
type webhookCheck struct {
	sameConditions bool
	anyEffects     bool
	anyVersion     bool
	anyName        bool
	anyLabelValue  bool

	stored []string // expressions
}

var withoutEffects = []admissionregistrationv1.SideEffectClass{admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNoneOnDryRun}

func validateWebhooksUpdate(obj, old api.Object) field.ErrorList {
	hooks, before := webhooksOf(obj), webhooksOf(old)
	check := &webhookCheck{sameConditions: len(hooks) == len(before)}
	names := map[string]bool{}
	for i, hook := range before {
		if check.sameConditions && !equality.Semantic.DeepEqual(hooks[i].MatchConditions, hook.MatchConditions) {
			check.sameConditions = false
		}
		check.anyEffects = check.anyEffects || !slices.Contains(withoutEffects, ptr.Deref(hook.SideEffects, ""))
		check.anyVersion = check.anyVersion || len(hook.AdmissionReviewVersions) > 0 && !webhookapi.Speaks(hook.AdmissionReviewVersions)
		check.anyName = check.anyName || names[hook.Name]
		names[hook.Name] = true
		for _, selector := range []*metav1.LabelSelector{hook.NamespaceSelector, hook.ObjectSelector} {
			strict := metav1validation.LabelSelectorValidationOptions{}
			check.anyLabelValue = check.anyLabelValue || selector != nil && len(metav1validation.ValidateLabelSelector(selector, strict, nil)) > 0
		}
		for _, condition := range hook.MatchConditions {
			check.stored = append(check.stored, condition.Expression)
		}
	}
	return check.all(hooks)
}

func (c *webhookCheck) all(hooks []webhook) (errs field.ErrorList) {
	names := map[string]bool{}
	compiler := newExpressions(false)
	for _, source := range c.stored {
		compiler.stored[source] = true
	}
	for i, hook := range hooks {
		path := field.NewPath("webhooks").Index(i)
		errs = append(errs, c.webhook(hook, compiler, path)...)
		missing := "must specify one of " + strings.Join(webhookapi.ReviewVersions, ", ")
		errs = append(errs, webhookapi.ValidateReviewVersions(hook.AdmissionReviewVersions, missing, c.anyVersion, path.Child("admissionReviewVersions"))...)
		if !c.anyName && names[hook.Name] {
			errs = append(errs, field.Duplicate(path.Child("name"), hook.Name))
		}
		names[hook.Name] = hook.Name != ""
	}
	return errs
}

func (c *webhookCheck) webhook(hook webhook, compiler *expressions, path *field.Path) field.ErrorList {
	errs := validation.IsFullyQualifiedName(path.Child("name"), hook.Name)
	for i := range hook.Rules {
		errs = append(errs, validateRule(&hook.Rules[i], path.Child("rules").Index(i))...)
	}
	if policy := hook.FailurePolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("failurePolicy"), admissionregistrationv1.Fail, admissionregistrationv1.Ignore)...)
	}
	if policy := hook.MatchPolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("matchPolicy"), admissionregistrationv1.Equivalent, admissionregistrationv1.Exact)...)
	}
	errs = append(errs, c.effects(hook.SideEffects, path.Child("sideEffects"))...)
	if timeout := hook.TimeoutSeconds; timeout != nil && (*timeout > 30 || *timeout < 1) {
		errs = append(errs, field.Invalid(path.Child("timeoutSeconds"), *timeout, "the timeout value must be between 1 and 30 seconds"))
	}
	options := metav1validation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: c.anyLabelValue}
	if hook.NamespaceSelector != nil {
		errs = append(errs, metav1validation.ValidateLabelSelector(hook.NamespaceSelector, options, path.Child("namespaceSelector"))...)
	}
	if hook.ObjectSelector != nil {
		errs = append(errs, metav1validation.ValidateLabelSelector(hook.ObjectSelector, options, path.Child("objectSelector"))...)
	}
	if hook.Reinvocation != nil {
		errs = append(errs, validateReinvocation(*hook.Reinvocation, path.Child("reinvocationPolicy"))...)
	}
	errs = append(errs, validateClient(&hook.ClientConfig, path.Child("clientConfig"))...)
	if !c.sameConditions {
		errs = append(errs, compiler.conditions(hook.MatchConditions, path.Child("matchConditions"))...)
	}
	return errs
}

func validateReinvocation(policy admissionregistrationv1.ReinvocationPolicyType, path *field.Path) field.ErrorList {
	return check.OneOf(policy, path, admissionregistrationv1.IfNeededReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)
}

// effects checks what else a webhook does when it is called. A new one may do nothing
// that a dry run must not.
func (c *webhookCheck) effects(effects *admissionregistrationv1.SideEffectClass, path *field.Path) field.ErrorList {
	allowed := withoutEffects
	if c.anyEffects {
		allowed = append(slices.Clone(allowed), admissionregistrationv1.SideEffectClassSome, admissionregistrationv1.SideEffectClassUnknown)
	}
	if effects != nil {
		return check.OneOf(*effects, path, allowed...)
	}
	var names []string
	for _, class := range allowed {
		names = append(names, string(class))
	}
	return field.ErrorList{field.Required(path, "must specify one of "+strings.Join(names, ", "))}
}

func validateClient(client *admissionregistrationv1.WebhookClientConfig, path *field.Path) field.ErrorList {
	switch service := client.Service; {
	case (client.URL == nil) == (service == nil):
		return field.ErrorList{field.Required(path, "exactly one of url or service is required")}
	case client.URL != nil:
		return webhookapi.ValidateURL(*client.URL, path.Child("url"))
	default:
		return webhookapi.ValidateService(service.Namespace, service.Name, service.Path, ptr.Deref(service.Port, 0), path.Child("service"))
	}
}
