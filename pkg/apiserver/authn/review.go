package authn

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/request"
)

// TokenReviews answers POST /apis/authentication.k8s.io/v1/tokenreviews: whose
// token is this?
type TokenReviews struct {
	Bearer Bearer
}

// Create returns the review with its status filled in. A token that is not
// good is an answer, no error.
func (t *TokenReviews) Create(ctx context.Context, _, _ string, body api.Object) (runtime.Object, error) {
	review := body.(*authenticationv1.TokenReview).DeepCopy()
	if review.Spec.Token == "" {
		return nil, apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	audiences := review.Spec.Audiences
	if len(audiences) == 0 {
		audiences = t.Bearer.Audiences
	}
	review.Status = authenticationv1.TokenReviewStatus{}
	user, good, err := t.Bearer.AuthenticateToken(ctx, review.Spec.Token, audiences)
	if err != nil {
		review.Status.Error = err.Error()
		return review, nil
	}
	review.Status.Authenticated = true
	review.Status.User = user.Info()
	review.Status.Audiences = good
	return review, nil
}

// SelfSubjectReview answers who the client itself is: kubectl auth whoami.
func SelfSubjectReview(ctx context.Context, _, _ string, body api.Object) (runtime.Object, error) {
	return &authenticationv1.SelfSubjectReview{
		TypeMeta:   body.(*authenticationv1.SelfSubjectReview).TypeMeta,
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.Now()},
		Status:     authenticationv1.SelfSubjectReviewStatus{UserInfo: request.UserFrom(ctx).Info()},
	}, nil
}
