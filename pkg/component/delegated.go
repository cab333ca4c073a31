package component

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// rememberFor is how long an answer of the API server is used again.
	rememberFor = 10 * time.Second
	// remembered bounds how many answers are kept.
	remembered = 1024
	// authenticationConfigMap in kube-system holds the authority of client
	// certificates for components that were not given one.
	authenticationConfigMap = "extension-apiserver-authentication"
)

// Attributes are what a request to a component is about, for the question
// whether its user may: a resource (the kubelet's nodes/log) or a path.
type Attributes struct {
	Resource    *authorizationv1.ResourceAttributes
	NonResource *authorizationv1.NonResourceAttributes
}

// Delegated asks the API server who a request's user is and whether the user may:
// a client certificate is checked against the cluster's authority here, a token
// by TokenReview, and permission by SubjectAccessReview. Members of
// system:masters may everything. Answers are remembered for ten seconds. It is safe for concurrent use.
type Delegated struct {
	attributes              func(*http.Request) Attributes
	authenticate, authorize kubernetes.Interface
	caFile                  string

	mu   sync.Mutex
	pool *x509.CertPool // nil until it was read

	tokens  *cache.LRUExpireCache // token -> authenticationv1.UserInfo
	allowed *cache.LRUExpireCache // question -> bool
}

func newDelegated(s *Serving, config *rest.Config) (*Delegated, error) {
	d := &Delegated{attributes: s.Attributes, caFile: s.ClientCAFile,
		tokens: cache.NewLRUExpireCache(remembered), allowed: cache.NewLRUExpireCache(remembered)}
	if d.attributes == nil {
		d.attributes = pathAttributes
	}
	var err error
	if d.authenticate, err = clientFrom(s.AuthenticationKubeconfig, config); err != nil {
		return nil, Usagef("--authentication-kubeconfig: %w", err)
	}
	if d.authorize, err = clientFrom(s.AuthorizationKubeconfig, config); err != nil {
		return nil, Usagef("--authorization-kubeconfig: %w", err)
	}
	return d, nil
}

func clientFrom(file string, config *rest.Config) (kubernetes.Interface, error) {
	if file != "" {
		var err error
		if config, err = clientcmd.BuildConfigFromFlags("", file); err != nil {
			return nil, err
		}
	}
	return kubernetes.NewForConfig(config)
}

func pathAttributes(r *http.Request) Attributes {
	return Attributes{NonResource: &authorizationv1.NonResourceAttributes{Path: r.URL.Path, Verb: strings.ToLower(r.Method)}}
}

// Guard lets through to next who may pass and answers 401 or 403 to others.
func (d *Delegated) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := d.user(r)
		if err != nil {
			http.Error(w, "Unauthorized: "+err.Error(), http.StatusUnauthorized)
			return
		}
		allowed, err := d.may(r.Context(), user, d.attributes(r))
		switch {
		case err != nil:
			http.Error(w, "asking whether this is allowed: "+err.Error(), http.StatusInternalServerError)
		case !allowed:
			http.Error(w, fmt.Sprintf("Forbidden: user %q may not %s %s", user.Username, r.Method, r.URL.Path), http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (d *Delegated) user(r *http.Request) (authenticationv1.UserInfo, error) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return d.userOfCertificate(r.Context(), r.TLS.PeerCertificates)
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return d.userOfToken(r.Context(), token)
	}
	return authenticationv1.UserInfo{}, fmt.Errorf("send a client certificate or a bearer token")
}

func (d *Delegated) userOfCertificate(ctx context.Context, chain []*x509.Certificate) (authenticationv1.UserInfo, error) {
	pool, err := d.authority(ctx)
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	return authenticationv1.UserInfo{Username: chain[0].Subject.CommonName, Groups: append(chain[0].Subject.Organization, "system:authenticated")}, nil
}

// authority reads the authority of client certificates once, from the file or
// from the cluster.
func (d *Delegated) authority(ctx context.Context) (*x509.CertPool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pool != nil {
		return d.pool, nil
	}
	pem, err := d.authorityPEM(ctx)
	if err != nil {
		return nil, err
	}
	if d.pool, err = readPool(pem); err != nil {
		return nil, fmt.Errorf("the client CA cannot be used: %w", err)
	}
	return d.pool, nil
}

func (d *Delegated) authorityPEM(ctx context.Context) ([]byte, error) {
	if d.caFile != "" {
		return os.ReadFile(d.caFile)
	}
	config, err := d.authenticate.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, authenticationConfigMap, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the client CA: %w; give --client-ca-file", err)
	}
	return []byte(config.Data["client-ca-file"]), nil
}

func (d *Delegated) userOfToken(ctx context.Context, token string) (authenticationv1.UserInfo, error) {
	if user, ok := d.tokens.Get(token); ok {
		return user.(authenticationv1.UserInfo), nil
	}
	review, err := d.authenticate.AuthenticationV1().TokenReviews().Create(ctx,
		&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	if !review.Status.Authenticated {
		return authenticationv1.UserInfo{}, fmt.Errorf("the token is not valid: %s", review.Status.Error)
	}
	d.tokens.Add(token, review.Status.User, rememberFor)
	return review.Status.User, nil
}

func (d *Delegated) may(ctx context.Context, user authenticationv1.UserInfo, what Attributes) (bool, error) {
	if slices.Contains(user.Groups, "system:masters") {
		return true, nil
	}
	spec := authorizationv1.SubjectAccessReviewSpec{User: user.Username, Groups: user.Groups, UID: user.UID,
		ResourceAttributes: what.Resource, NonResourceAttributes: what.NonResource}
	if len(user.Extra) > 0 {
		spec.Extra = map[string]authorizationv1.ExtraValue{}
		for key, values := range user.Extra {
			spec.Extra[key] = authorizationv1.ExtraValue(values)
		}
	}
	question := spec.String()
	if allowed, ok := d.allowed.Get(question); ok {
		return allowed.(bool), nil
	}
	review, err := d.authorize.AuthorizationV1().SubjectAccessReviews().Create(ctx,
		&authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	d.allowed.Add(question, review.Status.Allowed, rememberFor)
	return review.Status.Allowed, nil
}
