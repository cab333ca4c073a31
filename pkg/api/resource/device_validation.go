package resource

import (
	"fmt"
	"regexp"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/podspec"
)

// sliceDevice checks a device that a driver offers. before is what the slice has
// of it; it may be nil.
func (c *check) sliceDevice(d, before *resourcev1.Device, perDevice bool, path *field.Path) {
	c.add(validateLabel(d.Name, path.Child("name"))...)
	const most, mostValues = resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice, resourcev1.ResourceSliceMaxAttributeValuesPerDevice
	if sum := len(d.Attributes) + len(d.Capacity); sum > most {
		c.add(field.Invalid(path, sum, fmt.Sprintf("the total number of attributes and capacities must not exceed %d", most)))
	}
	if values := len(d.Attributes); values > mostValues {
		c.add(field.Invalid(path, values, fmt.Sprintf("the total number of attribute values must not exceed %d", mostValues)))
	}
	for _, name := range sortedKeys(d.Attributes) {
		attribute := d.Attributes[name]
		c.add(validateQualifiedName(string(name), path.Child("attributes"))...)
		c.attribute(&attribute, path.Child("attributes").Key(shortened(string(name))))
	}
	if before == nil || !equality.Semantic.DeepEqual(before.Capacity, d.Capacity) {
		c.capacities(d, path.Child("capacity"))
	}
	taints := path.Child("taints")
	changed := before == nil || !equality.Semantic.DeepEqual(before.Taints, d.Taints)
	tainted := &check{}
	if changed && fits(len(d.Taints), resourcev1.DeviceTaintsMaxLength, taints, tainted.add) {
		for i := range d.Taints {
			tainted.taint(&d.Taints[i], nil, taints.Index(i))
		}
	}
	c.add(tainted.errs...)
	c.consumption(d.ConsumesCounters, path.Child("consumesCounters"))
	c.tag(tainted.tagged...) // by the order of the fields in their type
	c.deviceNodes(d, perDevice, path)
	c.bindingConditions(d.BindingConditions, d.BindingFailureConditions, path)
}

// shortened cuts the middle out of a key that is longer than one may be.
func shortened(key string) string {
	const longest, dots = resourcev1.DeviceMaxDomainLength + 1 + resourcev1.DeviceMaxIDLength, "..."
	if len(key) <= longest {
		return key
	}
	left := longest - len(dots)
	return key[:(left+1)/2] + dots + key[len(key)-left/2:]
}

// semantic is the form of a version by semver.org.
var semantic = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
	`(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)

// attribute checks that an attribute has one value.
func (c *check) attribute(a *resourcev1.DeviceAttribute, path *field.Path) {
	var set []string
	if a.IntValue != nil {
		set = append(set, "int")
	}
	if a.BoolValue != nil {
		set = append(set, "bool")
	}
	if a.StringValue != nil {
		set = append(set, "string")
		c.add(validateValueLength(*a.StringValue, path.Child("string"))...)
	}
	if a.VersionValue != nil {
		set = append(set, "version")
		path := path.Child("version")
		if !semantic.MatchString(*a.VersionValue) {
			c.add(field.Invalid(path, *a.VersionValue, "must be a string compatible with semver.org spec 2.0.0"))
		}
		c.add(validateValueLength(*a.VersionValue, path)...)
	}
	const all = "`int`, `bool`, `string`, `version`, `ints`, `bools`, `strings`, `versions`"
	switch len(set) {
	case 0:
		c.tag(field.Invalid(path, "", "must specify one of: "+all))
	case 1:
	default:
		c.tag(field.Invalid(path, fmt.Sprintf("{%s}", strings.Join(set, ", ")), "must specify exactly one of: "+all))
	}
}

func validateValueLength(value string, path *field.Path) field.ErrorList {
	if len(value) > resourcev1.DeviceAttributeMaxValueLength {
		return field.ErrorList{field.TooLong(path, "", resourcev1.DeviceAttributeMaxValueLength)}
	}
	return nil
}

func (c *check) consumption(list []resourcev1.DeviceCounterConsumption, path *field.Path) {
	if !fits(len(list), resourcev1.ResourceSliceMaxDeviceCounterConsumptionsPerDevice, path, c.tag) {
		return
	}
	unique(list, func(d resourcev1.DeviceCounterConsumption) string { return d.CounterSet }, asAny, path, c.tag)
	for i, consumed := range list {
		c.tagShortName(consumed.CounterSet, path.Index(i).Child("counterSet"))
		c.counters(consumed.Counters, resourcev1.ResourceSliceMaxCountersPerDeviceCounterConsumption, path.Index(i).Child("counters"))
	}
}

// deviceNodes checks from where a device can be used, which it says if the slice
// leaves it to its devices and not otherwise.
func (c *check) deviceNodes(d *resourcev1.Device, perDevice bool, path *field.Path) {
	if !perDevice {
		if d.NodeName != nil || d.NodeSelector != nil || d.AllNodes != nil {
			c.add(field.Invalid(path, nil, "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"))
		}
		return
	}
	var ways []string
	if name := d.NodeName; name != nil {
		if *name != "" {
			ways = append(ways, "`nodeName`")
			c.add(invalid(*name, path.Child("nodeName"), apivalidation.NameIsDNSSubdomain(*name, false))...)
		} else {
			c.add(field.Invalid(path.Child("nodeName"), *name, "must not be empty"))
		}
	}
	if d.NodeSelector != nil {
		ways = append(ways, "`nodeSelector`")
		c.add(podspec.ValidateNodeSelector(d.NodeSelector, path.Child("nodeSelector"))...)
	}
	if all := d.AllNodes; all != nil {
		if *all {
			ways = append(ways, "`allNodes`")
		} else {
			c.add(field.Invalid(path.Child("allNodes"), false, "must be either unset or set to true"))
		}
	}
	const one = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
	switch len(ways) {
	case 0:
		c.add(field.Required(path, one))
	case 1:
	default:
		c.add(field.Invalid(path, fmt.Sprintf("{%s}", strings.Join(ways, ", ")), one))
	}
}
