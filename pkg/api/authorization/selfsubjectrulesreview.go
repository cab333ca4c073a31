package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"slowmo/pkg/api"
)

// SelfSubjectRulesReview is the resource selfsubjectrulesreviews.
var SelfSubjectRulesReview = &api.Resource{
	Group:    "authorization.k8s.io",
	Version:  "v1",
	Kind:     "SelfSubjectRulesReview",
	Plural:   "selfsubjectrulesreviews",
	Singular: "selfsubjectrulesreview",
	Virtual:  true,
	Verbs:    []string{"create"},
	New:      func() api.Object { return &authorizationv1.SelfSubjectRulesReview{} },
}
