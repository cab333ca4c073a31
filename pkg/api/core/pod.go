package core

import "slowmo/pkg/api/core/pod"

// Pod is the resource pods; the kind is large enough for a package of its own.
var Pod = pod.Resource
