package core

var claims = &rejection{plugin: "DynamicResources", final: true,
	reasons: []string{"spec.resourceClaims is not supported by this scheduler"}}

// resourceClaims refuses what would otherwise be ignored: a pod that needs devices by claim
// must not start without them.
func resourceClaims(c *class, _ *node) *rejection {
	if len(c.Spec.ResourceClaims) > 0 {
		return claims
	}
	return nil
}
