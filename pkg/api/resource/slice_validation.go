package resource

import (
	"fmt"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/podspec"
)

// validateSlice checks a slice. Of devices that are in old, what stays as it is
// is taken as valid.
func validateSlice(obj, old api.Object) field.ErrorList {
	spec, path := &obj.(*resourcev1.ResourceSlice).Spec, field.NewPath("spec")
	c := &check{}
	c.add(validateDriverName(spec.Driver, path.Child("driver"))...)
	c.pool(&spec.Pool, path.Child("pool"))
	known := map[string]*resourcev1.Device{}
	if old != nil {
		before := &old.(*resourcev1.ResourceSlice).Spec
		c.add(apivalidation.ValidateImmutableField(spec.Pool.Name, before.Pool.Name, path.Child("pool", "name"))...)
		c.add(apivalidation.ValidateImmutableField(spec.Driver, before.Driver, path.Child("driver"))...)
		c.add(apivalidation.ValidateImmutableField(spec.NodeName, before.NodeName, path.Child("nodeName"))...)
		for i := range before.Devices {
			known[before.Devices[i].Name] = &before.Devices[i]
		}
	}
	c.sliceNodes(spec, path)
	if spec.SharedCounters != nil && spec.Devices != nil {
		c.add(field.Invalid(path, "", "only one of `sharedCounters` or `devices` is allowed"))
	}
	c.sliceDevices(spec, known, path.Child("devices"))
	c.counterSets(spec.SharedCounters, path.Child("sharedCounters"))
	return c.all()
}

func (c *check) pool(pool *resourcev1.ResourcePool, path *field.Path) {
	c.add(validatePoolName(pool.Name, path.Child("name"))...)
	if pool.ResourceSliceCount <= 0 {
		c.add(field.Invalid(path.Child("resourceSliceCount"), pool.ResourceSliceCount, "must be greater than zero"))
	}
	if pool.Generation < 0 {
		c.add(field.Invalid(path.Child("generation"), pool.Generation, "must be greater than or equal to zero"))
	}
}

// sliceNodes checks in which of four ways a slice says from where its devices can be used.
func (c *check) sliceNodes(spec *resourcev1.ResourceSliceSpec, path *field.Path) {
	var ways []string
	if name := spec.NodeName; name != nil {
		if *name != "" {
			ways = append(ways, "`nodeName`")
			c.add(invalid(*name, path.Child("nodeName"), apivalidation.NameIsDNSSubdomain(*name, false))...)
		} else {
			c.add(field.Invalid(path.Child("nodeName"), *name, "must be either unset or set to a non-empty string"))
		}
	}
	if spec.NodeSelector != nil {
		ways = append(ways, "`nodeSelector`")
		selector := path.Child("nodeSelector")
		c.add(podspec.ValidateNodeSelector(spec.NodeSelector, selector)...)
		if terms := spec.NodeSelector.NodeSelectorTerms; len(terms) != 1 {
			c.add(field.Invalid(selector.Child("nodeSelectorTerms"), api.Internal(terms), "must have exactly one node selector term"))
		}
	}
	for _, flag := range []struct {
		name  string
		value *bool
	}{{"allNodes", spec.AllNodes}, {"perDeviceNodeSelection", spec.PerDeviceNodeSelection}} {
		switch {
		case flag.value == nil:
		case *flag.value:
			ways = append(ways, "`"+flag.name+"`")
		default:
			c.add(field.Invalid(path.Child(flag.name), false, "must be either unset or set to true"))
		}
	}
	const one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
	switch len(ways) {
	case 0:
		c.add(field.Required(path, one))
	case 1:
	default:
		c.add(field.Invalid(path, fmt.Sprintf("{%s}", strings.Join(ways, ", ")), one+", but multiple fields are set"))
	}
}

func (c *check) sliceDevices(spec *resourcev1.ResourceSliceSpec, known map[string]*resourcev1.Device, path *field.Path) {
	most := resourcev1.ResourceSliceMaxDevices
	for _, device := range spec.Devices {
		if len(device.Taints) > 0 || len(device.ConsumesCounters) > 0 {
			most = resourcev1.ResourceSliceMaxDevicesWithAdvancedFeatures
		}
	}
	if !fits(len(spec.Devices), most, path, c.add) {
		return
	}
	perDevice := spec.PerDeviceNodeSelection != nil && *spec.PerDeviceNodeSelection
	for i := range spec.Devices {
		c.sliceDevice(&spec.Devices[i], known[spec.Devices[i].Name], perDevice, path.Index(i))
	}
	name := func(d resourcev1.Device) string { return d.Name }
	unique(spec.Devices, name, func(d resourcev1.Device) any { return d.Name }, path, c.add)
}

func (c *check) counterSets(sets []resourcev1.CounterSet, path *field.Path) {
	if !fits(len(sets), resourcev1.ResourceSliceMaxCounterSets, path, c.tag) {
		return
	}
	unique(sets, func(s resourcev1.CounterSet) string { return s.Name }, asAny, path, c.tag)
	for i, set := range sets {
		c.tagShortName(set.Name, path.Index(i).Child("name"))
		c.counters(set.Counters, resourcev1.ResourceSliceMaxCountersPerCounterSet, path.Index(i).Child("counters"))
	}
}

func (c *check) counters(counters map[string]resourcev1.Counter, most int, path *field.Path) {
	if len(counters) == 0 {
		c.tag(field.Required(path, ""))
		return
	}
	fits(len(counters), most, path, c.add)
	for _, name := range sortedKeys(counters) {
		c.tagShortName(name, path)
	}
}
