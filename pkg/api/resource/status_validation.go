package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/podspec"
)

func validateClaimStatus(obj, old api.Object) field.ErrorList {
	claim, before, path := obj.(*resourcev1.ResourceClaim), old.(*resourcev1.ResourceClaim), field.NewPath("status")
	c, status := &check{}, &claim.Status
	c.reservedFor(status.ReservedFor, path.Child("reservedFor"))
	c.devices(status, path.Child("devices"))
	reserved := path.Child("reservedFor")
	switch {
	case len(status.ReservedFor) == 0:
	case status.Allocation == nil:
		c.add(field.Forbidden(reserved, "may not be specified when `allocated` is not set"))
	case claim.DeletionTimestamp != nil && added(status.ReservedFor, before.Status.ReservedFor):
		c.add(field.Forbidden(reserved, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"))
	}
	switch allocation := path.Child("allocation"); {
	case status.Allocation == nil:
	case before.Status.Allocation == nil:
		c.allocation(status.Allocation, namesOf(&claim.Spec.Devices), allocation)
	case !equality.Semantic.DeepEqual(status.Allocation, before.Status.Allocation):
		c.tag(field.Invalid(allocation, nil, "field cannot be modified once set"))
	}
	return c.all()
}

// added reports whether there is one in now that was not there before.
func added(now, before []resourcev1.ResourceClaimConsumerReference) bool {
	known := map[resourcev1.ResourceClaimConsumerReference]bool{}
	for _, ref := range before {
		known[ref] = true
	}
	for _, ref := range now {
		if !known[ref] {
			return true
		}
	}
	return false
}

func (c *check) reservedFor(refs []resourcev1.ResourceClaimConsumerReference, path *field.Path) {
	if !fits(len(refs), resourcev1.ResourceClaimReservedForMaxSize, path, c.tag) {
		return
	}
	unique(refs, func(r resourcev1.ResourceClaimConsumerReference) types.UID { return r.UID }, asAny, path, c.tag)
	for i, ref := range refs {
		for _, part := range []struct{ name, value string }{{"resource", ref.Resource}, {"name", ref.Name}, {"uid", string(ref.UID)}} {
			if part.value == "" {
				c.add(field.Required(path.Index(i).Child(part.name), ""))
			}
		}
	}
}

// sharedID names a device, or a share of one, as errors show it.
type sharedID struct{ Driver, Pool, Device, ShareID string }

func sharedIDOf(d resourcev1.AllocatedDeviceStatus) sharedID {
	return sharedID{d.Driver, d.Pool, d.Device, ptr.Deref(d.ShareID, "")}
}

func (c *check) devices(status *resourcev1.ResourceClaimStatus, path *field.Path) {
	known := map[sharedID]bool{}
	if a := status.Allocation; a != nil {
		for _, r := range a.Devices.Results {
			known[sharedID{r.Driver, r.Pool, r.Device, string(ptr.Deref(r.ShareID, ""))}] = true
		}
	}
	unique(status.Devices, sharedIDOf, asAny, path, c.tag)
	for i := range status.Devices {
		c.device(&status.Devices[i], known, path.Index(i))
	}
}

func (c *check) device(d *resourcev1.AllocatedDeviceStatus, known map[sharedID]bool, path *field.Path) {
	c.add(validateDriverName(d.Driver, path.Child("driver"))...)
	c.add(validatePoolName(d.Pool, path.Child("pool"))...)
	c.add(validateLabel(d.Device, path.Child("device"))...)
	if d.ShareID != nil {
		c.tagUUID(*d.ShareID, path.Child("shareID"))
	}
	if id := sharedIDOf(*d); !known[id] {
		c.add(field.Invalid(path, id, "must be an allocated device in the claim"))
	}
	conditions := path.Child("conditions")
	fits(len(d.Conditions), resourcev1.AllocatedDeviceStatusMaxConditions, conditions, c.add)
	c.add(metav1validation.ValidateConditions(d.Conditions, conditions)...)
	if d.Data != nil && len(d.Data.Raw) > 0 {
		c.add(validateObject(*d.Data, resourcev1.AllocatedDeviceStatusDataMaxLength, path.Child("data"))...)
	}
	if d.NetworkData != nil {
		c.network(d.NetworkData, path.Child("networkData"))
	}
}

func (c *check) network(data *resourcev1.NetworkDeviceData, path *field.Path) {
	if len(data.InterfaceName) > resourcev1.NetworkDeviceDataInterfaceNameMaxLength {
		c.tag(field.TooLong(path.Child("interfaceName"), "", resourcev1.NetworkDeviceDataInterfaceNameMaxLength))
	}
	if ips := path.Child("ips"); fits(len(data.IPs), resourcev1.NetworkDeviceDataMaxIPs, ips, c.tag) {
		unique(data.IPs, same, asAny, ips, c.tag)
		for i, address := range data.IPs {
			c.add(validation.IsValidInterfaceAddress(ips.Index(i), address)...)
		}
	}
	if len(data.HardwareAddress) > resourcev1.NetworkDeviceDataHardwareAddressMaxLength {
		c.tag(field.TooLong(path.Child("hardwareAddress"), "", resourcev1.NetworkDeviceDataHardwareAddressMaxLength))
	}
}

// allocation checks what a claim is newly given.
func (c *check) allocation(a *resourcev1.AllocationResult, names requestNames, path *field.Path) {
	devices := path.Child("devices")
	if results := devices.Child("results"); fits(len(a.Devices.Results), resourcev1.AllocationResultsMaxSize, results, c.tag) {
		for i := range a.Devices.Results {
			c.result(&a.Devices.Results[i], names, results.Index(i))
		}
	}
	// The class and the claim may each have so many.
	if configs := devices.Child("config"); fits(len(a.Devices.Config), 2*resourcev1.DeviceConfigMaxSize, configs, c.tag) {
		for i := range a.Devices.Config {
			config, path := &a.Devices.Config[i], configs.Index(i)
			c.source(config.Source, path.Child("source"))
			c.references(config.Requests, names, path.Child("requests"))
			c.config(&config.DeviceConfiguration, false, path)
		}
	}
	if a.NodeSelector != nil {
		c.add(podspec.ValidateNodeSelector(a.NodeSelector, path.Child("nodeSelector"))...)
	}
}

func (c *check) source(source resourcev1.AllocationConfigSource, path *field.Path) {
	switch source {
	case resourcev1.AllocationConfigSourceClaim, resourcev1.AllocationConfigSourceClass:
	case "":
		c.tag(field.Required(path, ""))
	default:
		c.tag(field.NotSupported(path, source, []resourcev1.AllocationConfigSource{resourcev1.AllocationConfigSourceClaim, resourcev1.AllocationConfigSourceClass}))
	}
}

func (c *check) result(r *resourcev1.DeviceRequestAllocationResult, names requestNames, path *field.Path) {
	c.reference(r.Request, names, path.Child("request"))
	c.tagDriverName(r.Driver, path.Child("driver"))
	c.tagPoolName(r.Pool, path.Child("pool"))
	c.add(validateLabel(r.Device, path.Child("device"))...)
	c.bindingConditions(r.BindingConditions, r.BindingFailureConditions, path)
	c.tolerations(r.Tolerations, path.Child("tolerations"))
	if r.ShareID != nil {
		c.tagUUID(string(*r.ShareID), path.Child("shareID"))
	}
}

// bindingConditions checks the conditions that a device must have, and must not
// have, before a pod is bound: both or neither.
func (c *check) bindingConditions(binding, failure []string, path *field.Path) {
	wanted, failed := path.Child("bindingConditions"), path.Child("bindingFailureConditions")
	if fits(len(binding), resourcev1.BindingConditionsMaxSize, wanted, c.tag) {
		for i, name := range binding {
			c.add(metav1validation.ValidateLabelName(name, wanted.Index(i))...)
		}
	}
	if fits(len(failure), resourcev1.BindingFailureConditionsMaxSize, failed, c.tag) {
		for i, name := range failure {
			c.add(metav1validation.ValidateLabelName(name, failed.Index(i))...)
		}
	}
	unique(binding, same, asAny, wanted, c.add)
	known, seen := map[string]bool{}, map[string]bool{}
	for _, name := range binding {
		known[name] = true
	}
	for i, name := range failure {
		if seen[name] {
			c.add(field.Duplicate(failed.Index(i), name))
		}
		seen[name] = true
		if known[name] {
			c.add(field.Invalid(failed.Index(i), name, "bindingFailureConditions must not overlap with bindingConditions"))
		}
	}
	switch {
	case len(binding) == 0 && len(failure) > 0:
		c.add(field.Invalid(wanted, binding, "bindingConditions are required to use bindingFailureConditions"))
	case len(failure) == 0 && len(binding) > 0:
		c.add(field.Invalid(failed, failure, "bindingFailureConditions are required to use bindingConditions"))
	}
}
