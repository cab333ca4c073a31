package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"slowmo/pkg/api"
)

// LocalSubjectAccessReview is the resource localsubjectaccessreviews.
var LocalSubjectAccessReview = &api.Resource{
	Group:      "authorization.k8s.io",
	Version:    "v1",
	Kind:       "LocalSubjectAccessReview",
	Plural:     "localsubjectaccessreviews",
	Singular:   "localsubjectaccessreview",
	Namespaced: true,
	Virtual:    true,
	Verbs:      []string{"create"},
	New:        func() api.Object { return &authorizationv1.LocalSubjectAccessReview{} },
}
