package controller

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/oauth2"
	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/utils/ptr"
)

// tokenSeconds is how long a controller's token is good for. A new one is asked for
// early, or when the server no longer takes it.
const (
	tokenSeconds = 3600
	early        = tokenSeconds / 5 * time.Second
)

// asAccount returns config with the identity of a service account of kube-system in
// place of its own, so that a controller has the rights of its role and no others.
// accounts are reached with the process's own identity. login asks for the first
// token; without it, or when it fails, the first request does.
func asAccount(config *rest.Config, accounts corev1.ServiceAccountInterface, name string) (_ *rest.Config, login func() error) {
	config = rest.CopyConfig(config)
	config.Username, config.Password, config.BearerToken, config.BearerTokenFile = "", "", "", ""
	config.AuthProvider, config.ExecProvider = nil, nil
	config.CertFile, config.CertData, config.KeyFile, config.KeyData = "", nil, "", nil
	tokens := transport.NewCachedTokenSource(tokenSource{accounts, name})
	config.Wrap(transport.ResettableTokenSourceWrapTransport(tokens))
	return config, func() error {
		_, err := tokens.Token()
		return err
	}
}

// tokenSource asks the API server for tokens of a service account, which it makes
// if there is none.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
type tokenSource struct {
	accounts corev1.ServiceAccountInterface
	name     string
}

// Token implements oauth2.TokenSource.
func (s tokenSource) Token() (*oauth2.Token, error) {
	ctx := context.Background() // the interface has none; the client's own time limits hold
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](tokenSeconds)}}
	answer, err := s.accounts.CreateToken(ctx, s.name, request, metav1.CreateOptions{})
	if apierrors.IsNotFound(err) {
		account := &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: s.name, Namespace: metav1.NamespaceSystem}}
		if _, err := s.accounts.Create(ctx, account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, fmt.Errorf("make service account %s: %w", s.name, err)
		}
		answer, err = s.accounts.CreateToken(ctx, s.name, request, metav1.CreateOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("ask for a token of service account %s: %w", s.name, err)
	}
	return &oauth2.Token{AccessToken: answer.Status.Token, TokenType: "Bearer", Expiry: answer.Status.ExpirationTimestamp.Add(-early)}, nil
}
