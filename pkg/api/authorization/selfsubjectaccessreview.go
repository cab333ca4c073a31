package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"slowmo/pkg/api"
)

// SelfSubjectAccessReview is the resource selfsubjectaccessreviews.
var SelfSubjectAccessReview = &api.Resource{
	Group:    "authorization.k8s.io",
	Version:  "v1",
	Kind:     "SelfSubjectAccessReview",
	Plural:   "selfsubjectaccessreviews",
	Singular: "selfsubjectaccessreview",
	Virtual:  true,
	Verbs:    []string{"create"},
	New:      func() api.Object { return &authorizationv1.SelfSubjectAccessReview{} },
}
