package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/api/core/quota"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// resourceQuota refuses what would use more than a namespace's quotas allow,
// and adds what it lets pass to their used counts. It comes last, when the write is
// sure to be allowed by all others.
//
// A count is only ever raised here. The quota controller, which counts anew,
// takes back what was deleted and what was charged for a write that failed.
type resourceQuota struct {
	plugin.Validates
	store *storage.Store
}

// Validate charges the write.
func (r *resourceQuota) Validate(ctx context.Context, a *request.Attributes) error {
	if !chargeable(a) {
		return nil
	}
	quotas, err := plugin.List[*corev1.ResourceQuota](ctx, r.store.Collection(core.ResourceQuota), a.Namespace)
	if err != nil {
		return plugin.Forbid(a, err)
	}
	if len(quotas) == 0 {
		return nil
	}
	evaluator := quota.For(a.Resource.GroupResource())
	if a.Operation == request.Update && !evaluator.OnUpdate && !resizes(a) {
		return nil
	}
	var due []*corev1.ResourceQuota
	for _, q := range quotas {
		next, err := charge(q, evaluator, a)
		if err != nil {
			return plugin.Forbid(a, err)
		}
		if next != nil {
			due = append(due, q)
		}
	}
	if a.DryRun {
		return nil
	}
	for _, q := range due {
		if err := r.raise(ctx, q, evaluator, a); err != nil {
			return plugin.Forbid(a, err)
		}
	}
	return nil
}

// chargeable says whether a write can use more of anything.
func chargeable(a *request.Attributes) bool {
	switch {
	case a.Operation != request.Create && a.Operation != request.Update,
		a.Namespace == "", !a.Definition.Namespaced, a.Definition.Virtual,
		a.Resource.Resource == "events":
		return false
	}
	return a.Subresource == "" || resizes(a)
}

func resizes(a *request.Attributes) bool {
	return a.Operation == request.Update && plugin.Is(a, "", "pods/resize")
}

// raise writes the charge, guarded: it is worked out anew if another write to
// the quota came first.
func (r *resourceQuota) raise(ctx context.Context, q *corev1.ResourceQuota, e *quota.Evaluator, a *request.Attributes) error {
	_, err := r.store.Collection(core.ResourceQuota).Modify(ctx, q.Namespace, q.Name, func(current api.Object) (api.Object, error) {
		if current == nil {
			return nil, storage.ErrNotFound
		}
		next, err := charge(current.(*corev1.ResourceQuota), e, a)
		if err != nil || next == nil {
			return current, err
		}
		return next, nil
	})
	return err
}

// charge returns q with the write added to it, nil if the write is none of its
// business, and an error if there is not enough left.
func charge(q *corev1.ResourceQuota, e *quota.Evaluator, a *request.Attributes) (*corev1.ResourceQuota, error) {
	if !e.Matches(q, a.Object) {
		return nil, nil
	}
	limited := e.Limited(q)
	if e.Missing != nil {
		if err := e.Missing(a.Object, limited); err != nil {
			return nil, fmt.Errorf("failed quota: %s: %w", q.Name, err)
		}
	}
	if slices.ContainsFunc(limited, func(name corev1.ResourceName) bool { _, known := q.Status.Used[name]; return !known }) {
		return nil, fmt.Errorf("status unknown for quota: %s, resources: %s", q.Name, joinNames(limited))
	}
	usage := e.Usage(a.Object)
	if negative := negative(usage); len(negative) > 0 {
		return nil, fmt.Errorf("quota usage is negative for resource(s): %s", joinNames(negative))
	}
	var before corev1.ResourceList
	if a.OldObject != nil && a.OldObject.GetResourceVersion() != "" && e.Matches(q, a.OldObject) {
		before = e.Usage(a.OldObject)
	}
	requested := quota.Mask(quota.Grown(usage, before), q.Status.Hard)
	if len(requested) == 0 {
		return nil, nil
	}
	used := quota.Add(q.Status.Used, requested)
	if over := exceeded(requested, used, q.Status.Hard); len(over) > 0 {
		return nil, fmt.Errorf("exceeded quota: %s, requested: %s, used: %s, limited: %s", q.Name,
			quota.String(quota.Mask(requested, over)), quota.String(quota.Mask(q.Status.Used, over)), quota.String(over))
	}
	next := q.DeepCopy()
	next.Status.Used = used
	return next, nil
}

// exceeded returns the limits that the use of something requested would break.
func exceeded(requested, used, hard corev1.ResourceList) corev1.ResourceList {
	over := corev1.ResourceList{}
	for name := range requested {
		total, limit := used[name], hard[name]
		if total.Cmp(limit) > 0 {
			over[name] = limit
		}
	}
	return over
}

func negative(list corev1.ResourceList) (names []corev1.ResourceName) {
	for name, quantity := range list {
		if quantity.Sign() < 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// joinNames writes names, which are in order, as messages have them.
func joinNames(names []corev1.ResourceName) string {
	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, string(name))
	}
	return strings.Join(parts, ",")
}
