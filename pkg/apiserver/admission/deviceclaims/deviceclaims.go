// Package deviceclaims holds back what not everybody may say in claims of devices
// who may write them: that devices of others be reached (admin access), which is for
// marked namespaces; which devices a claim gets, which is for whoever may bind
// claims; and what a driver says of a device, which is for that driver.
//
// Upstream asks while it validates, so that nothing here can be switched off, and
// the refusals are those of a validation.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
package deviceclaims

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// Check asks about each write of a claim or of a template of claims. It is safe for
// concurrent use.
type Check struct {
	plugin.Validates
	Store      *storage.Store
	Authorizer request.Authorizer
}

// Validate refuses what the user or the namespace may not.
func (c *Check) Validate(ctx context.Context, a *request.Attributes) error {
	errs, err := c.problems(ctx, a)
	if err != nil || len(errs) == 0 {
		return err
	}
	return apierrors.NewInvalid(a.Kind.GroupKind(), plugin.NameOf(a), errs)
}

func (c *Check) problems(ctx context.Context, a *request.Attributes) (field.ErrorList, error) {
	created := a.Operation == request.Create
	switch obj := a.Object.(type) {
	case *resourcev1.ResourceClaimTemplate:
		if created {
			return c.adminAccess(ctx, a.Namespace, wantsAdmin(obj.Spec.Spec.Devices.Requests))
		}
	case *resourcev1.ResourceClaim:
		old, ok := a.OldObject.(*resourcev1.ResourceClaim)
		switch {
		case created:
			return c.adminAccess(ctx, a.Namespace, wantsAdmin(obj.Spec.Devices.Requests))
		case ok && a.Operation == request.Update && a.Subresource == "status":
			return c.status(ctx, a, &obj.Status, &old.Status)
		}
	}
	return nil, nil
}

// adminAccess refuses, at path, admin access in a namespace that is not marked. A
// nil path means that none is asked for.
func (c *Check) adminAccess(ctx context.Context, namespace string, path *field.Path) (field.ErrorList, error) {
	if path == nil {
		return nil, nil
	}
	ns, err := plugin.Lookup[*corev1.Namespace](ctx, c.Store.Collection(core.Namespace), "", namespace)
	if err != nil || ns.Labels[resourcev1.DRAAdminNamespaceLabelKey] == "true" {
		return nil, err
	}
	return field.ErrorList{field.Forbidden(path, fmt.Sprintf("admin access to devices requires the `%s: true` label on the containing namespace", resourcev1.DRAAdminNamespaceLabelKey))}, nil
}

// wantsAdmin returns where requests first ask for admin access; nil if nowhere.
func wantsAdmin(requests []resourcev1.DeviceRequest) *field.Path {
	for i, r := range requests {
		if r.Exactly != nil && ptr.Deref(r.Exactly.AdminAccess, false) {
			return field.NewPath("spec", "devices", "requests").Index(i).Child("adminAccess")
		}
	}
	return nil
}

// givesAdmin returns where an allocation first gives admin access; nil if nowhere.
func givesAdmin(allocation *resourcev1.AllocationResult) *field.Path {
	if allocation == nil {
		return nil
	}
	for i, r := range allocation.Devices.Results {
		if ptr.Deref(r.AdminAccess, false) {
			return field.NewPath("status", "allocation", "devices", "results").Index(i).Child("adminAccess")
		}
	}
	return nil
}

func (c *Check) status(ctx context.Context, a *request.Attributes, now, before *resourcev1.ResourceClaimStatus) (errs field.ErrorList, err error) {
	if givesAdmin(before.Allocation) == nil {
		if errs, err = c.adminAccess(ctx, a.Namespace, givesAdmin(now.Allocation)); err != nil {
			return nil, err
		}
	}
	verb := request.From(ctx).Info.Verb
	status := field.NewPath("status")
	if !equality.Semantic.DeepEqual(now.Allocation, before.Allocation) || !equality.Semantic.DeepEqual(now.ReservedFor, before.ReservedFor) {
		if err := c.may(ctx, a, verb, resourcev1.SubresourceBinding, "", ""); err != nil {
			errs = append(errs, field.Forbidden(status.Child("allocation"),
				fmt.Sprintf(`changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="%s" permission: %s`, verb, err)))
		}
	}
	if now.Allocation == nil { // and so nothing is said of devices
		return errs, nil
	}
	verbs := verbsFor(a.User, verb, nodeOf(now.Allocation))
	for _, driver := range changedDrivers(now.Devices, before.Devices) {
		if err := c.mayAny(ctx, a, verbs, driver); err != nil {
			errs = append(errs, field.Forbidden(status.Child("devices"),
				fmt.Sprintf(`changing status.devices requires resource="resourceclaims/driver", verb="%s" permission: %s`, verbs, err)))
		}
	}
	return errs, nil
}

// mayAny returns why the user may do none of verbs to the status of a driver.
func (c *Check) mayAny(ctx context.Context, a *request.Attributes, verbs []string, driver string) (first error) {
	for _, verb := range verbs {
		err := c.may(ctx, a, verb, resourcev1.SubresourceDriver, a.Namespace, driver)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// may returns why the user may not do verb to a part of claims that exists in rules
// only; nil if it may.
func (c *Check) may(ctx context.Context, a *request.Attributes, verb, part, namespace, name string) error {
	asked := &request.Authorization{User: a.User, Info: &request.Info{
		IsResource: true, Verb: verb, APIGroup: a.Resource.Group, APIVersion: a.Resource.Version,
		Resource: a.Resource.Resource, Subresource: part, Namespace: namespace, Name: name,
	}}
	decision, reason, err := c.Authorizer.Authorize(ctx, asked)
	switch {
	case decision == request.Allow:
		return nil
	case err != nil && reason != "":
		reason = fmt.Sprintf("%v: %s", err, reason)
	case err != nil:
		reason = err.Error()
	}
	return authz.Forbidden(asked, reason)
}

// changedDrivers returns the drivers of the devices of which something else is said
// than before.
func changedDrivers(now, before []resourcev1.AllocatedDeviceStatus) []string {
	type key struct{ driver, pool, device, share string }
	keyOf := func(d resourcev1.AllocatedDeviceStatus) key {
		return key{d.Driver, d.Pool, d.Device, ptr.Deref(d.ShareID, "")}
	}
	was, drivers := map[key]resourcev1.AllocatedDeviceStatus{}, map[string]bool{}
	for _, d := range before {
		was[keyOf(d)] = d
	}
	for _, d := range now {
		if old, there := was[keyOf(d)]; !there || !equality.Semantic.DeepEqual(old, d) {
			drivers[d.Driver] = true
		}
		delete(was, keyOf(d))
	}
	for gone := range was {
		drivers[gone.driver] = true
	}
	return slices.Sorted(maps.Keys(drivers))
}
