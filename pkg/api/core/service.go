package core

import "slowmo/pkg/api/core/service"

// Service is the resource services; the kind is large enough for a package of its own.
var Service = service.Resource
