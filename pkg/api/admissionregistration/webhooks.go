package admissionregistration

import (
	"context"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// extensions is the category of what changes the API's behaviour.
var extensions = []string{"api-extensions"}

// ValidatingWebhookConfiguration is the resource validatingwebhookconfigurations:
// servers that may refuse requests.
//
// https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/validating-webhook-configuration-v1/
var ValidatingWebhookConfiguration = &api.Resource{
	Group:      admissionregistrationv1.GroupName,
	Version:    "v1",
	Kind:       "ValidatingWebhookConfiguration",
	Plural:     "validatingwebhookconfigurations",
	Singular:   "validatingwebhookconfiguration",
	Categories: extensions,
	New:        func() api.Object { return &admissionregistrationv1.ValidatingWebhookConfiguration{} },
	NewList:    func() runtime.Object { return &admissionregistrationv1.ValidatingWebhookConfigurationList{} },

	Default:        defaultWebhooks,
	PrepareCreate:  func(_ context.Context, obj api.Object) { obj.SetGeneration(1) },
	PrepareUpdate:  prepareWebhooksUpdate,
	Validate:       func(obj api.Object) field.ErrorList { return (&webhookCheck{}).all(webhooksOf(obj)) },
	ValidateUpdate: validateWebhooksUpdate,

	Columns: webhookColumns,
	Row:     webhookRow,
}

// MutatingWebhookConfiguration is the resource mutatingwebhookconfigurations:
// servers that may change and refuse requests.
//
// https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/mutating-webhook-configuration-v1/
var MutatingWebhookConfiguration = &api.Resource{
	Group:      admissionregistrationv1.GroupName,
	Version:    "v1",
	Kind:       "MutatingWebhookConfiguration",
	Plural:     "mutatingwebhookconfigurations",
	Singular:   "mutatingwebhookconfiguration",
	Categories: extensions,
	New:        func() api.Object { return &admissionregistrationv1.MutatingWebhookConfiguration{} },
	NewList:    func() runtime.Object { return &admissionregistrationv1.MutatingWebhookConfigurationList{} },

	Default: func(obj api.Object) {
		defaultWebhooks(obj)
		hooks := obj.(*admissionregistrationv1.MutatingWebhookConfiguration).Webhooks
		for i := range hooks {
			setIfNil(&hooks[i].ReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)
		}
	},
	PrepareCreate:  func(_ context.Context, obj api.Object) { obj.SetGeneration(1) },
	PrepareUpdate:  prepareWebhooksUpdate,
	Validate:       func(obj api.Object) field.ErrorList { return (&webhookCheck{}).all(webhooksOf(obj)) },
	ValidateUpdate: validateWebhooksUpdate,

	Columns: webhookColumns,
	Row:     webhookRow,
}

// webhook is what a validating and a mutating webhook have in common. Its
// pointers lead into the object.
type webhook struct {
	*admissionregistrationv1.ValidatingWebhook
	Reinvocation *admissionregistrationv1.ReinvocationPolicyType // nil for a validating one
}

// webhooksOf returns the webhooks of a configuration. They are copies.
func webhooksOf(obj api.Object) (hooks []webhook) {
	switch configuration := obj.(type) {
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		for i := range configuration.Webhooks {
			hooks = append(hooks, webhook{ValidatingWebhook: &configuration.Webhooks[i]})
		}
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		for _, m := range configuration.Webhooks {
			hooks = append(hooks, webhook{Reinvocation: m.ReinvocationPolicy, ValidatingWebhook: &admissionregistrationv1.ValidatingWebhook{
				Name: m.Name, ClientConfig: m.ClientConfig, Rules: m.Rules, FailurePolicy: m.FailurePolicy, MatchPolicy: m.MatchPolicy,
				NamespaceSelector: m.NamespaceSelector, ObjectSelector: m.ObjectSelector, SideEffects: m.SideEffects,
				TimeoutSeconds: m.TimeoutSeconds, AdmissionReviewVersions: m.AdmissionReviewVersions, MatchConditions: m.MatchConditions,
			}})
		}
	}
	return hooks
}

func defaultWebhooks(obj api.Object) {
	switch configuration := obj.(type) {
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		for i := range configuration.Webhooks {
			h := &configuration.Webhooks[i]
			defaultWebhook(&h.ClientConfig, h.Rules, &h.FailurePolicy, &h.MatchPolicy, &h.NamespaceSelector, &h.ObjectSelector, &h.TimeoutSeconds)
		}
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		for i := range configuration.Webhooks {
			h := &configuration.Webhooks[i]
			defaultWebhook(&h.ClientConfig, h.Rules, &h.FailurePolicy, &h.MatchPolicy, &h.NamespaceSelector, &h.ObjectSelector, &h.TimeoutSeconds)
		}
	}
}

func defaultWebhook(client *admissionregistrationv1.WebhookClientConfig, rules []admissionregistrationv1.RuleWithOperations,
	failure **admissionregistrationv1.FailurePolicyType, match **admissionregistrationv1.MatchPolicyType,
	namespaces, objects **metav1.LabelSelector, timeout **int32) {
	if client.Service != nil {
		setIfNil(&client.Service.Port, 443)
	}
	for i := range rules {
		defaultRule(&rules[i].Rule)
	}
	setIfNil(failure, admissionregistrationv1.Fail)
	setIfNil(match, admissionregistrationv1.Equivalent)
	setIfNil(namespaces, metav1.LabelSelector{})
	setIfNil(objects, metav1.LabelSelector{})
	setIfNil(timeout, 10)
}

func prepareWebhooksUpdate(_ context.Context, obj, old api.Object) {
	if !equality.Semantic.DeepEqual(webhooksOf(old), webhooksOf(obj)) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

var webhookColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Webhooks", "integer", "Webhooks indicates the number of webhooks registered in this configuration"),
	api.AgeColumn,
}

func webhookRow(obj api.Object, now time.Time) []any {
	return []any{obj.GetName(), len(webhooksOf(obj)), api.Age(obj.GetCreationTimestamp(), now)}
}
