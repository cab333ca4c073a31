package core

import (
	"context"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// ServiceAccount is the resource serviceaccounts: who a process in a pod is.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/service-account-v1/
var ServiceAccount = &api.Resource{
	Version:             "v1",
	Kind:                "ServiceAccount",
	Plural:              "serviceaccounts",
	Singular:            "serviceaccount",
	ShortNames:          []string{"sa"},
	Namespaced:          true,
	ReturnDeleted:       true,
	UnconditionalUpdate: true,
	New:                 func() api.Object { return &corev1.ServiceAccount{} },
	NewList:             func() runtime.Object { return &corev1.ServiceAccountList{} },

	PrepareCreate: func(_ context.Context, obj api.Object) { keepSecretNames(obj) },
	PrepareUpdate: func(_ context.Context, obj, _ api.Object) { keepSecretNames(obj) },
	Warnings:      serviceAccountWarnings,

	Columns: []metav1.TableColumnDefinition{api.NameColumn, api.AgeColumn},
	Row: func(obj api.Object, now time.Time) []any {
		return []any{obj.GetName(), api.Age(obj.GetCreationTimestamp(), now)}
	},

	Subresources: []api.Subresource{
		{
			Name: "token", Verbs: []string{"create"}, Connect: true,
			Kind: authenticationv1.SchemeGroupVersion.WithKind("TokenRequest"), New: func() api.Object { return &authenticationv1.TokenRequest{} },
			Default: defaultTokenRequest,
		},
	},
}

// defaultTokenRequest asks for an hour.
func defaultTokenRequest(body api.Object) {
	if spec := &body.(*authenticationv1.TokenRequest).Spec; spec.ExpirationSeconds == nil {
		spec.ExpirationSeconds = ptr.To[int64](3600)
	}
}

// keepSecretNames drops all of a reference to a secret but its name.
func keepSecretNames(obj api.Object) {
	sa := obj.(*corev1.ServiceAccount)
	for i, ref := range sa.Secrets {
		sa.Secrets[i] = corev1.ObjectReference{Name: ref.Name}
	}
}

const mountableSecretsAnnotation = "kubernetes.io/enforce-mountable-secrets"

func serviceAccountWarnings(_ context.Context, obj, old api.Object) []string {
	has := func(obj api.Object) bool {
		_, ok := obj.GetAnnotations()[mountableSecretsAnnotation]
		return ok
	}
	if !has(obj) || old != nil && has(old) {
		return nil
	}
	return []string{"metadata.annotations[" + mountableSecretsAnnotation + "]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"}
}
