package resource

import (
	"fmt"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// claim checks what a new claim asks for.
func (c *check) claim(claim *resourcev1.DeviceClaim, path *field.Path) {
	names := namesOf(claim)
	if requests := path.Child("requests"); fits(len(claim.Requests), resourcev1.DeviceRequestsMaxSize, requests, c.tag) {
		unique(claim.Requests, func(r resourcev1.DeviceRequest) string { return r.Name }, asAny, requests, c.tag)
		for i := range claim.Requests {
			c.request(&claim.Requests[i], requests.Index(i))
		}
	}
	if constraints := path.Child("constraints"); fits(len(claim.Constraints), resourcev1.DeviceConstraintsMaxSize, constraints, c.tag) {
		for i := range claim.Constraints {
			c.constraint(&claim.Constraints[i], names, constraints.Index(i))
		}
	}
	if configs := path.Child("config"); fits(len(claim.Config), resourcev1.DeviceConfigMaxSize, configs, c.tag) {
		for i := range claim.Config {
			c.references(claim.Config[i].Requests, names, configs.Index(i).Child("requests"))
			c.config(&claim.Config[i].DeviceConfiguration, false, configs.Index(i))
		}
	}
}

// requestNames are what may be referred to: requests, and subrequests after a slash.
type requestNames map[string]bool

func namesOf(claim *resourcev1.DeviceClaim) requestNames {
	names := requestNames{}
	for _, request := range claim.Requests {
		names[request.Name] = true
		for _, sub := range request.FirstAvailable {
			names[request.Name+"/"+sub.Name] = true
		}
	}
	return names
}

// references checks the names of the requests that something applies to.
func (c *check) references(requests []string, names requestNames, path *field.Path) {
	if !fits(len(requests), resourcev1.DeviceRequestsMaxSize, path, c.tag) {
		return
	}
	unique(requests, same, asAny, path, c.tag)
	for i, name := range requests {
		c.reference(name, names, path.Index(i))
	}
}

func (c *check) reference(name string, names requestNames, path *field.Path) {
	const unknown = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
	segments := strings.Split(name, "/")
	if len(segments) > 2 {
		c.add(field.Invalid(path, name, unknown))
		return
	}
	for _, segment := range segments {
		c.add(validateLabel(segment, path)...)
	}
	if !names[name] {
		c.add(field.Invalid(path, name, unknown))
	}
}

func (c *check) request(request *resourcev1.DeviceRequest, path *field.Path) {
	c.add(validateLabel(request.Name, path.Child("name"))...)
	exact, first := request.Exactly, request.FirstAvailable
	switch {
	case exact == nil && len(first) == 0:
		c.add(field.Required(path, "exactly one of `exactly` or `firstAvailable` is required"))
	case exact != nil && len(first) > 0:
		c.add(field.Invalid(path, nil, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"))
	case exact != nil:
		c.exact(exact, path.Child("exactly"))
	default:
		path := path.Child("firstAvailable")
		if !fits(len(first), resourcev1.FirstAvailableDeviceRequestMaxSize, path, c.tag) {
			return
		}
		unique(first, func(s resourcev1.DeviceSubRequest) string { return s.Name }, asAny, path, c.tag)
		for i := range first {
			c.subrequest(&first[i], path.Index(i))
		}
	}
}

func (c *check) exact(request *resourcev1.ExactDeviceRequest, path *field.Path) {
	if class := path.Child("deviceClassName"); request.DeviceClassName == "" {
		c.add(field.Required(class, ""))
	} else {
		c.add(invalid(request.DeviceClassName, class, validation.IsDNS1123Subdomain(request.DeviceClassName))...)
	}
	c.selectors(request.Selectors, false, path.Child("selectors"))
	c.mode(request.AllocationMode, request.Count, path)
	c.tolerations(request.Tolerations, path.Child("tolerations"))
}

func (c *check) subrequest(request *resourcev1.DeviceSubRequest, path *field.Path) {
	c.add(validateLabel(request.Name, path.Child("name"))...)
	if class := path.Child("deviceClassName"); request.DeviceClassName == "" {
		c.tag(field.Required(class, ""))
	} else {
		c.tag(invalid(request.DeviceClassName, class, content.IsDNS1123Subdomain(request.DeviceClassName))...)
	}
	c.selectors(request.Selectors, false, path.Child("selectors"))
	c.mode(request.AllocationMode, request.Count, path)
	c.tolerations(request.Tolerations, path.Child("tolerations"))
}

func (c *check) mode(mode resourcev1.DeviceAllocationMode, count int64, path *field.Path) {
	const all, exact = resourcev1.DeviceAllocationModeAll, resourcev1.DeviceAllocationModeExactCount
	switch {
	case mode == all && count != 0:
		c.add(field.Invalid(path.Child("count"), count, fmt.Sprintf("must not be specified when allocationMode is '%s'", mode)))
	case mode == exact && count <= 0:
		c.add(field.Invalid(path.Child("count"), count, "must be greater than zero"))
	case mode != all && mode != exact:
		c.tag(field.NotSupported(path.Child("allocationMode"), mode, []resourcev1.DeviceAllocationMode{all, exact}))
	}
}

func (c *check) constraint(constraint *resourcev1.DeviceConstraint, names requestNames, path *field.Path) {
	c.references(constraint.Requests, names, path.Child("requests"))
	switch match, distinct := constraint.MatchAttribute, constraint.DistinctAttribute; {
	case match != nil:
		c.tagFullyQualifiedName(string(*match), path.Child("matchAttribute"))
	case distinct != nil:
		c.tagFullyQualifiedName(string(*distinct), path.Child("distinctAttribute"))
	default:
		c.add(field.Required(path, `exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set`))
	}
}
