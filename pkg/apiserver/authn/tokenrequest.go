package authn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

const (
	minExpiration = int64(600)
	maxExpiration = int64(1) << 32

	// A pod that asks for exactly this many seconds, as the kube-api-access
	// volume does, gets a token that lives for a year: old clients do not
	// reload it. When it is used after warnAfter seconds that is noted.
	warnAfter  = int64(3607)
	extendedBy = int64(365 * 24 * 3600)
)

// TokenRequests answers POST .../serviceaccounts/NAME/token.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
type TokenRequests struct {
	Issuer *Issuer
	Store  *storage.Store
	// MaxExpiration is the longest that a token may be asked for; zero is no bound.
	MaxExpiration time.Duration
	// Extend gives the tokens of pods' own volumes a year.
	Extend bool
}

// Create returns the request with its status filled in. body is a
// *authenticationv1.TokenRequest.
func (t *TokenRequests) Create(ctx context.Context, namespace, name string, body api.Object) (runtime.Object, error) {
	asked, ok := body.(*authenticationv1.TokenRequest)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("want a TokenRequest, got %T", body))
	}
	r := asked.DeepCopy()
	if err := t.match(r, namespace, name); err != nil {
		return nil, err
	}
	account, err := find[*corev1.ServiceAccount](ctx, t.Store, core.ServiceAccount, namespace, name)
	if err != nil {
		return nil, err
	}
	if r.UID != "" && r.UID != account.UID {
		return nil, apierrors.NewConflict(schema.GroupResource{Group: authenticationv1.GroupName, Resource: "TokenRequest"}, name,
			fmt.Errorf("the UID in the token request (%s) does not match the UID of the service account (%s)", r.UID, account.UID))
	}
	now := time.Now()
	r.UID, r.CreationTimestamp, r.Status = account.UID, metav1.NewTime(now), authenticationv1.TokenRequestStatus{}
	if err := t.prepare(r); err != nil {
		return nil, err
	}
	private := privateClaims{
		Namespace:      namespace,
		ServiceAccount: reference{Name: account.Name, UID: string(account.UID)},
	}
	if r.Spec.BoundObjectRef != nil {
		if err := t.bind(ctx, r.Spec.BoundObjectRef, account, &private); err != nil {
			return nil, err
		}
	}
	if longest := int64(t.MaxExpiration / time.Second); longest > 0 && *r.Spec.ExpirationSeconds > longest {
		request.From(ctx).Warn(fmt.Sprintf("requested expiration of %d seconds shortened to %d seconds", *r.Spec.ExpirationSeconds, longest))
		r.Spec.ExpirationSeconds = &longest
	}
	r.Status.ExpirationTimestamp = metav1.NewTime(now.Add(seconds(*r.Spec.ExpirationSeconds)))
	r.Status.Token, err = t.Issuer.sign(t.claims(r, private, now))
	return r, err
}

// match gives a request the service account of its path, and refuses one for another.
func (t *TokenRequests) match(r *authenticationv1.TokenRequest, namespace, name string) error {
	meta := field.NewPath("metadata")
	if r.Name != "" && r.Name != name {
		return invalidRequest(name, field.Invalid(meta.Child("name"), r.Name, "must match the service account name if specified"))
	}
	if r.Namespace != "" && r.Namespace != namespace {
		return invalidRequest(name, field.Invalid(meta.Child("namespace"), r.Namespace, "must match the service account namespace if specified"))
	}
	r.Name, r.Namespace = name, namespace
	return nil
}

// prepare fills in and checks what needs no look at other objects.
func (t *TokenRequests) prepare(r *authenticationv1.TokenRequest) error {
	if len(r.Spec.Audiences) == 0 {
		r.Spec.Audiences = t.Issuer.Audiences
	}
	spec := field.NewPath("spec")
	path, value := spec.Child("expirationSeconds"), *r.Spec.ExpirationSeconds
	var problems field.ErrorList
	if value < minExpiration {
		problems = append(problems, field.Invalid(path, value, "may not specify a duration less than 10 minutes"))
	}
	if value > maxExpiration {
		problems = append(problems, field.Invalid(path, value, "may not specify a duration larger than 2^32 seconds"))
	}
	return invalidRequest("", append(problems, validateAttestations(r, spec)...)...)
}

func invalidRequest(name string, problems ...*field.Error) error {
	if len(problems) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: authenticationv1.GroupName, Kind: "TokenRequest"}, name, problems)
}

// bind makes the token's life depend on another object, whichever version of it is named.
func (t *TokenRequests) bind(ctx context.Context, ref *authenticationv1.BoundObjectReference, account *corev1.ServiceAccount, private *privateClaims) error {
	var uid types.UID
	gvk := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
	switch gvk.GroupKind() {
	case schema.GroupKind{Kind: "Pod"}:
		pod, err := find[*corev1.Pod](ctx, t.Store, core.Pod, account.Namespace, ref.Name)
		if err != nil {
			return err
		}
		if pod.Spec.ServiceAccountName != account.Name {
			return apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", account.Name))
		}
		uid = pod.UID
		private.Pod = &reference{Name: pod.Name, UID: string(pod.UID)}
		private.Node = t.node(ctx, pod.Spec.NodeName)
	case schema.GroupKind{Kind: "Secret"}:
		secret, err := find[*corev1.Secret](ctx, t.Store, core.Secret, account.Namespace, ref.Name)
		if err != nil {
			return err
		}
		uid = secret.UID
		private.Secret = &reference{Name: secret.Name, UID: string(secret.UID)}
	case schema.GroupKind{Kind: "Node"}:
		node, err := find[*corev1.Node](ctx, t.Store, core.Node, "", ref.Name)
		if err != nil {
			return err
		}
		uid = node.UID
		private.Node = &reference{Name: node.Name, UID: string(node.UID)}
	default:
		text := fmt.Sprintf("cannot bind token to object of type %s", gvk)
		if forWebhook(ref) {
			text += " (feature gate APIServerWebhookAuthenticationToken is disabled)"
		}
		return apierrors.NewBadRequest(text)
	}
	if ref.UID != "" && ref.UID != uid {
		return apierrors.NewConflict(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, ref.Name,
			fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID))
	}
	return nil
}

// node names the node that a pod runs on. A node that has gone is named without UID.
func (t *TokenRequests) node(ctx context.Context, name string) *reference {
	if name == "" {
		return nil
	}
	node, err := find[*corev1.Node](ctx, t.Store, core.Node, "", name)
	if err != nil {
		return &reference{Name: name}
	}
	return &reference{Name: name, UID: string(node.UID)}
}

func (t *TokenRequests) claims(r *authenticationv1.TokenRequest, private privateClaims, now time.Time) *claims {
	life := *r.Spec.ExpirationSeconds
	if t.Extend && life == warnAfter && private.Pod != nil && len(intersection(r.Spec.Audiences, t.Issuer.Audiences)) == len(r.Spec.Audiences) {
		life = extendedBy
		private.WarnAfter = jwt.NewNumericDate(now.Add(seconds(warnAfter)))
	}
	return &claims{
		Claims: jwt.Claims{
			Issuer:    t.Issuer.URL,
			Subject:   serviceAccountUser(private.Namespace, private.ServiceAccount.Name),
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			Expiry:    jwt.NewNumericDate(now.Add(seconds(life))),
			ID:        uuid.NewString(),
		},
		Audience:   r.Spec.Audiences,
		Kubernetes: private,
	}
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// find reads an object that a token is to vouch for: the present one, not a
// cached one that may be gone.
func find[T api.Object](ctx context.Context, store *storage.Store, r *api.Resource, namespace, name string) (T, error) {
	var none T
	if name == "" {
		return none, apierrors.NewBadRequest("Name parameter required.")
	}
	record, err := store.Collection(r).Get(ctx, namespace, name, storage.Consistent)
	if errors.Is(err, storage.ErrNotFound) {
		return none, apierrors.NewNotFound(r.GroupResource(), name)
	}
	if err != nil {
		return none, err
	}
	obj, err := record.Object()
	if err != nil {
		return none, err
	}
	return obj.(T), nil
}
