package podspec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// claimNames returns the names by which containers refer to the pod's claims of devices.
func claimNames(claims []corev1.PodResourceClaim) sets.Set[string] {
	names := sets.New[string]()
	for _, claim := range claims {
		if claim.Name != "" {
			names.Insert(claim.Name)
		}
	}
	return names
}

// validateClaims checks the claims of devices that the pod names.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
func (c *checker) validateClaims(path *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for i := range c.spec.ResourceClaims {
		claim, path := &c.spec.ResourceClaims[i], path.Index(i)
		if c.isMirror() {
			errs = append(errs, field.Forbidden(field.NewPath(""), "static pods do not support resource claims"))
			continue
		}
		switch name := path.Child("name"); {
		case claim.Name == "":
			errs = append(errs, field.Required(name, ""))
		case names.Has(claim.Name):
			errs = append(errs, field.Duplicate(name, claim.Name))
		default:
			errs = append(errs, check.DNS1123Label(claim.Name, name)...)
			names.Insert(claim.Name)
		}
		switch claim, template := claim.ResourceClaimName, claim.ResourceClaimTemplateName; {
		case claim != nil && template != nil:
			errs = append(errs, field.Invalid(path, api.Internal(c.spec.ResourceClaims[i]), "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
		case claim == nil && template == nil:
			errs = append(errs, field.Invalid(path, api.Internal(c.spec.ResourceClaims[i]), "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
		}
		if claim.ResourceClaimName != nil {
			errs = append(errs, check.DNS1123Subdomain(*claim.ResourceClaimName, path.Child("resourceClaimName"))...)
		}
		if claim.ResourceClaimTemplateName != nil {
			errs = append(errs, check.DNS1123Subdomain(*claim.ResourceClaimTemplateName, path.Child("resourceClaimTemplateName"))...)
		}
	}
	return errs
}

// isMirror reports whether a kubelet made the pod to show one that it has from a file.
func (c *checker) isMirror() bool {
	if c.meta == nil {
		return false
	}
	_, ok := c.meta.Annotations[corev1.MirrorPodAnnotationKey]
	return ok
}

// validateClaimNames checks which of the pod's claims, and which requests in
// them, a container uses: each once, and a claim as a whole or by its requests.
func (c *checker) validateClaimNames(claims []corev1.ResourceClaim, path *field.Path) (errs field.ErrorList) {
	used := sets.New[string]()
	for i, claim := range claims {
		path := path.Index(i)
		if claim.Name == "" {
			errs = append(errs, field.Required(path, ""))
			continue
		}
		key := claim.Name
		if claim.Request != "" && !used.Has(claim.Name) {
			errs = append(errs, check.DNS1123Label(claim.Request, path.Child("request"))...)
			key += "/" + claim.Request
		}
		if used.Has(key) {
			errs = append(errs, field.Duplicate(path, key))
		} else if claim.Request == "" {
			for other := range used {
				if strings.HasPrefix(other, key+"/") {
					errs = append(errs, field.Duplicate(path, key))
				}
			}
		}
		used.Insert(key)
		if !c.claims.Has(claim.Name) {
			errs = append(errs, unknownClaim(claim.Name, c.claims, path))
		}
	}
	return errs
}

func unknownClaim(name string, known sets.Set[string], path *field.Path) *field.Error {
	err := field.NotFound(path, name)
	err.Detail = "must be one of the names in pod.spec.resourceClaims"
	if len(known) == 0 {
		err.Detail += " which is empty"
	} else {
		err.Detail += ": " + strings.Join(sets.List(known), ", ")
	}
	return err
}
