package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"slowmo/pkg/api"
)

// SubjectAccessReview is the resource subjectaccessreviews.
var SubjectAccessReview = &api.Resource{
	Group:    "authorization.k8s.io",
	Version:  "v1",
	Kind:     "SubjectAccessReview",
	Plural:   "subjectaccessreviews",
	Singular: "subjectaccessreview",
	Virtual:  true,
	Verbs:    []string{"create"},
	New:      func() api.Object { return &authorizationv1.SubjectAccessReview{} },
}
