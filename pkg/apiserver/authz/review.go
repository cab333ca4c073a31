package authz

import (
	"context"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/request"
)

// Reviews answers the questions of authorization.k8s.io: may this user do that?
// Each method answers a create, as rest.Action has it: it returns the body with
// its status filled in.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/
type Reviews struct {
	Authorizer request.Authorizer
	// Policy lists a user's rules; without one (RBAC is off) there are none to list.
	Policy *Policy
}

// Subject answers POST subjectaccessreviews.
func (v *Reviews) Subject(ctx context.Context, _, _ string, body api.Object) (runtime.Object, error) {
	review := body.(*authorizationv1.SubjectAccessReview).DeepCopy()
	if err := invalid(append(validateSpec(&review.Spec), validateMeta(review.ObjectMeta, "must be empty")...)); err != nil {
		return nil, err
	}
	review.Status = v.status(ctx, userOf(&review.Spec), review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	return review, nil
}

// LocalSubject answers POST namespaces/NAMESPACE/localsubjectaccessreviews.
func (v *Reviews) LocalSubject(ctx context.Context, namespace, _ string, body api.Object) (runtime.Object, error) {
	review := body.(*authorizationv1.LocalSubjectAccessReview).DeepCopy()
	review.Namespace = namespace
	unnamed := review.ObjectMeta
	unnamed.Namespace = ""
	problems := append(validateSpec(&review.Spec), validateMeta(unnamed, "must be empty except for namespace")...)
	attributes := field.NewPath("spec").Child("resourceAttributes", "namespace")
	if r := review.Spec.ResourceAttributes; r != nil && r.Namespace != review.Namespace {
		problems = append(problems, field.Invalid(attributes, r.Namespace, "must match metadata.namespace"))
	}
	if n := review.Spec.NonResourceAttributes; n != nil {
		problems = append(problems, field.Invalid(field.NewPath("spec").Child("nonResourceAttributes"), api.Internal(n), "disallowed on this kind of request"))
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	review.Status = v.status(ctx, userOf(&review.Spec), review.Spec.ResourceAttributes, nil)
	return review, nil
}

// Self answers POST selfsubjectaccessreviews.
func (v *Reviews) Self(ctx context.Context, _, _ string, body api.Object) (runtime.Object, error) {
	review := body.(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
	problems := validateAttributes(review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	problems = append(append(problems, validateSelectors(review.Spec.ResourceAttributes)...), validateMeta(review.ObjectMeta, "must be empty")...)
	if err := invalid(problems); err != nil {
		return nil, err
	}
	review.Status = v.status(ctx, request.UserFrom(ctx), review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	return review, nil
}

// SelfRules answers POST selfsubjectrulesreviews: kubectl auth can-i --list.
func (v *Reviews) SelfRules(ctx context.Context, _, _ string, body api.Object) (runtime.Object, error) {
	review := body.(*authorizationv1.SelfSubjectRulesReview).DeepCopy()
	if review.Spec.Namespace == "" {
		return nil, apierrors.NewBadRequest("no namespace on request")
	}
	status := &review.Status
	*status = authorizationv1.SubjectRulesReviewStatus{
		ResourceRules:    []authorizationv1.ResourceRule{},
		NonResourceRules: []authorizationv1.NonResourceRule{},
	}
	namespace := review.Spec.Namespace
	review.Spec = authorizationv1.SelfSubjectRulesReviewSpec{} // which the answer has not
	user := request.UserFrom(ctx)
	if _, isNode := NodeName(user); isNode {
		status.Incomplete = true
		status.EvaluationError = "node authorizer does not support user rule resolution"
	}
	if v.Policy == nil {
		return review, nil
	}
	rules, missing := v.Policy.RulesFor(user, namespace)
	for _, rule := range rules {
		if len(rule.Resources) > 0 {
			status.ResourceRules = append(status.ResourceRules, authorizationv1.ResourceRule{
				Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames,
			})
		}
		if len(rule.NonResourceURLs) > 0 {
			status.NonResourceRules = append(status.NonResourceRules, authorizationv1.NonResourceRule{
				Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs,
			})
		}
	}
	if len(missing) > 0 {
		status.Incomplete = true
		status.EvaluationError = joined(missing).Error()
	}
	return review, nil
}

func (v *Reviews) status(ctx context.Context, user *request.User, attributes *authorizationv1.ResourceAttributes, other *authorizationv1.NonResourceAttributes) authorizationv1.SubjectAccessReviewStatus {
	decision, reason, err := v.Authorizer.Authorize(ctx, &request.Authorization{User: user, Info: infoOf(attributes, other)})
	status := authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == request.Allow,
		Denied:  decision == request.Deny,
		Reason:  reason,
	}
	var problems []string
	if err != nil {
		problems = append(problems, err.Error())
	}
	status.EvaluationError = strings.Join(append(problems, unread(attributes)...), "; ")
	return status
}

func userOf(spec *authorizationv1.SubjectAccessReviewSpec) *request.User {
	user := &request.User{Name: spec.User, UID: spec.UID, Groups: spec.Groups}
	for key, values := range spec.Extra {
		if user.Extra == nil {
			user.Extra = map[string][]string{}
		}
		user.Extra[strings.ToLower(key)] = values
	}
	return user
}

func infoOf(r *authorizationv1.ResourceAttributes, n *authorizationv1.NonResourceAttributes) *request.Info {
	if r == nil {
		return &request.Info{Path: n.Path, Verb: n.Verb}
	}
	version := r.Version
	if version == "" {
		version = "*"
	}
	return &request.Info{
		IsResource:    true,
		Verb:          r.Verb,
		APIGroup:      r.Group,
		APIVersion:    version,
		Namespace:     r.Namespace,
		Resource:      r.Resource,
		Subresource:   r.Subresource,
		Name:          r.Name,
		FieldSelector: fieldSelector(r.FieldSelector),
	}
}

func validateSpec(spec *authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	problems := validateAttributes(spec.ResourceAttributes, spec.NonResourceAttributes)
	if spec.User == "" && len(spec.Groups) == 0 {
		problems = append(problems, field.Invalid(field.NewPath("spec").Child("user"), spec.User, "at least one of user or group must be specified"))
	}
	return append(problems, validateSelectors(spec.ResourceAttributes)...)
}

func validateAttributes(r *authorizationv1.ResourceAttributes, n *authorizationv1.NonResourceAttributes) field.ErrorList {
	if (r == nil) == (n == nil) {
		return field.ErrorList{field.Invalid(field.NewPath("spec"), api.Internal(n), "exactly one of nonResourceAttributes or resourceAttributes must be specified")}
	}
	return nil
}

// validateMeta: a review is about nothing that has a name.
func validateMeta(meta metav1.ObjectMeta, detail string) field.ErrorList {
	bare := meta
	bare.ManagedFields = nil
	if equality.Semantic.DeepEqual(bare, metav1.ObjectMeta{}) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata"), meta, detail)}
}

// invalid names no kind, as upstream's does not.
func invalid(problems field.ErrorList) error {
	if len(problems) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: authorizationv1.GroupName}, "", problems)
}
