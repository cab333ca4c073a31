package core

import "slowmo/pkg/api/core/limits"

// LimitRange and ResourceQuota have a package of their own: both bound what a
// namespace uses.
var (
	LimitRange    = limits.Range
	ResourceQuota = limits.Quota
)
