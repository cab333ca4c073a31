package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"

	"slowmo/pkg/api"
)

// SelfSubjectReview is the resource selfsubjectreviews.
var SelfSubjectReview = &api.Resource{
	Group:    "authentication.k8s.io",
	Version:  "v1",
	Kind:     "SelfSubjectReview",
	Plural:   "selfsubjectreviews",
	Singular: "selfsubjectreview",
	Virtual:  true,
	Verbs:    []string{"create"},
	New:      func() api.Object { return &authenticationv1.SelfSubjectReview{} },
}
