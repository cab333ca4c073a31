package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"

	"slowmo/pkg/api"
)

// TokenReview is the resource tokenreviews.
var TokenReview = &api.Resource{
	Group:    "authentication.k8s.io",
	Version:  "v1",
	Kind:     "TokenReview",
	Plural:   "tokenreviews",
	Singular: "tokenreview",
	Virtual:  true,
	Verbs:    []string{"create"},
	New:      func() api.Object { return &authenticationv1.TokenReview{} },
}
