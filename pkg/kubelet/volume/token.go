package volume

import (
	"context"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Tokens issues service account tokens.
type Tokens interface {
	Token(ctx context.Context, namespace, serviceAccount string, request *authv1.TokenRequest) (*authv1.TokenRequest, error)
}

// APITokens are tokens from the API server's TokenRequest.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
type APITokens struct{ Client corev1.ServiceAccountsGetter }

// Token implements Tokens.
func (t APITokens) Token(ctx context.Context, namespace, account string, r *authv1.TokenRequest) (*authv1.TokenRequest, error) {
	return t.Client.ServiceAccounts(namespace).CreateToken(ctx, account, r, metav1.CreateOptions{})
}

// tokenKey is what makes two token projections of a pod the same.
type tokenKey struct {
	audience string
	seconds  int64
}

// token is one that was issued.
type token struct {
	text    string
	refresh time.Time
	expires time.Time
}

// maxTokenAge is when a token is renewed at the latest.
const maxTokenAge = 24 * time.Hour

// token returns a token for the projection and when to ask again: at 80 % of its
// life. If renewing fails while the old one is good, that is returned.
func (s *Set) token(ctx context.Context, pod *v1.Pod, p *v1.ServiceAccountTokenProjection) (string, time.Time, error) {
	key := tokenKey{audience: p.Audience}
	if p.ExpirationSeconds != nil {
		key.seconds = *p.ExpirationSeconds
	}
	now := time.Now()
	old := s.tokens[key]
	if old != nil && now.Before(old.refresh) {
		return old.text, old.refresh, nil
	}
	request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{
		ExpirationSeconds: p.ExpirationSeconds,
		BoundObjectRef:    &authv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if p.Audience != "" {
		request.Spec.Audiences = []string{p.Audience}
	}
	answer, err := s.m.tokens.Token(ctx, pod.Namespace, pod.Spec.ServiceAccountName, request)
	if err != nil {
		if old != nil && now.Before(old.expires) {
			return old.text, now.Add(time.Minute), nil
		}
		return "", time.Time{}, err
	}
	expires := answer.Status.ExpirationTimestamp.Time
	age := min(expires.Sub(now)*8/10, maxTokenAge)
	fresh := &token{text: answer.Status.Token, refresh: now.Add(age), expires: expires}
	s.tokens[key] = fresh
	return fresh.text, fresh.refresh, nil
}
