package deployment

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	intstr "k8s.io/apimachinery/pkg/util/intstr"
)

// This file is arithmetic: how many replicas each ReplicaSet should have next.
// It reads specs and statuses and writes only spec.replicas of the copies that a
// plan works on.

// maxSurge is how many pods a rolling update may have above the wanted number.
func maxSurge(d *appsv1.Deployment) int32 {
	surge, _ := fenceposts(d)
	return surge
}

// maxUnavailable is how many pods a rolling update may have below it.
func maxUnavailable(d *appsv1.Deployment) int32 {
	_, unavailable := fenceposts(d)
	return min(unavailable, *d.Spec.Replicas)
}

// fenceposts resolves maxSurge (rounded up) and maxUnavailable (rounded down).
// Both zero would let nothing move, so then one may be unavailable.
func fenceposts(d *appsv1.Deployment) (surge, unavailable int32) {
	if d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType || d.Spec.Strategy.RollingUpdate == nil {
		return 0, 0
	}
	rolling := d.Spec.Strategy.RollingUpdate
	surge = resolve(rolling.MaxSurge, *d.Spec.Replicas, true)
	unavailable = resolve(rolling.MaxUnavailable, *d.Spec.Replicas, false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, unavailable
}

// resolve turns a number or a percentage of total into a number. Validation has
// seen to it that it is one of the two.
func resolve(value *intstr.IntOrString, total int32, up bool) int32 {
	n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(value, intstr.FromInt32(0)), int(total), up)
	if err != nil {
		return 0
	}
	return int32(n)
}

// newSize is how many replicas the new ReplicaSet should have now: the wanted
// number, or in a rolling update as much as the surge leaves room for.
func newSize(d *appsv1.Deployment, all []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet) int32 {
	want, have := *d.Spec.Replicas, *rs.Spec.Replicas
	if d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType || have >= want {
		return want
	}
	room := want + maxSurge(d) - specReplicas(all)
	return have + max(0, min(room, want-have))
}

// shrinkOld scales old ReplicaSets down as far as availability allows: first the
// pods that are not available anyway, then available ones that the new ReplicaSet
// has replaced. Oldest first.
func shrinkOld(d *appsv1.Deployment, old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet) {
	all := append(slices.Clone(old), rs)
	least := *d.Spec.Replicas - maxUnavailable(d)
	// Pods of the new ReplicaSet that are not available yet count as if they
	// were missing, or else a rollout that never gets ready would eat the old one.
	room := specReplicas(all) - least - (*rs.Spec.Replicas - rs.Status.AvailableReplicas)
	if room <= 0 || specReplicas(old) == 0 {
		return
	}
	old = slices.SortedStableFunc(slices.Values(old), byAge)
	for _, rs := range old {
		broken := min(room, *rs.Spec.Replicas-rs.Status.AvailableReplicas)
		if broken > 0 {
			*rs.Spec.Replicas -= broken
			room -= broken
		}
	}
	spare := available(all) - least
	for _, rs := range old {
		if n := min(spare, *rs.Spec.Replicas); n > 0 {
			*rs.Spec.Replicas -= n
			spare -= n
		}
	}
}

// scaleProportionally follows a change of the Deployment's size in the middle of a
// rollout, or while it is paused.
func scaleProportionally(d *appsv1.Deployment, old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet) {
	all := withNew(old, rs)
	if only := activeOrLatest(all, rs); only != nil {
		*only.Spec.Replicas = *d.Spec.Replicas
		return
	}
	if saturated(d, rs) {
		for _, rs := range active(old) {
			*rs.Spec.Replicas = 0
		}
		return
	}
	if d.Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		spread(d, active(all))
	}
}

// spread shares the change among the active ReplicaSets by their size, and gives
// what rounding leaves to the largest.
func spread(d *appsv1.Deployment, all []*appsv1.ReplicaSet) {
	var allowed int32
	if *d.Spec.Replicas > 0 {
		allowed = *d.Spec.Replicas + maxSurge(d)
	}
	change := allowed - specReplicas(all)
	newestFirst := change > 0
	slices.SortStableFunc(all, func(a, b *appsv1.ReplicaSet) int {
		if c := cmp.Compare(*b.Spec.Replicas, *a.Spec.Replicas); c != 0 {
			return c
		}
		if newestFirst {
			return byAge(b, a)
		}
		return byAge(a, b)
	})
	var done int32
	for _, rs := range all {
		share := proportion(d, rs, change, done)
		*rs.Spec.Replicas += share
		done += share
	}
	if len(all) > 0 {
		*all[0].Spec.Replicas = max(0, *all[0].Spec.Replicas+change-done)
	}
}

// proportion is rs's part of a change of which done has been given away.
func proportion(d *appsv1.Deployment, rs *appsv1.ReplicaSet, change, done int32) int32 {
	if *rs.Spec.Replicas == 0 || change == 0 || change == done {
		return 0
	}
	part := fraction(d, rs)
	if change > 0 {
		return min(part, change-done)
	}
	return max(part, change-done)
}

// fraction is by how much rs changes when it keeps its part of the whole.
func fraction(d *appsv1.Deployment, rs *appsv1.ReplicaSet) int32 {
	have := *rs.Spec.Replicas
	if *d.Spec.Replicas == 0 {
		return -have
	}
	before, _ := strconv.ParseInt(rs.Annotations[maxAnnotation], 10, 32)
	if before == 0 {
		before = int64(d.Status.Replicas) // written before there was the annotation
	}
	if before == 0 {
		return 0
	}
	now := float64(have) * float64(*d.Spec.Replicas+maxSurge(d)) / float64(before)
	return int32(math.Round(now)) - have
}

// activeOrLatest returns the one ReplicaSet that takes the whole change: the only
// active one or, when none is, the new one or else the newest. With several
// active ones it is nil.
func activeOrLatest(all []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet) *appsv1.ReplicaSet {
	switch busy := active(all); {
	case len(busy) == 1:
		return busy[0]
	case len(busy) > 1 || len(all) == 0:
		return nil
	}
	if rs != nil {
		return rs
	}
	return slices.MaxFunc(all, byAge)
}

// saturated says whether the new ReplicaSet alone is all that is wanted.
func saturated(d *appsv1.Deployment, rs *appsv1.ReplicaSet) bool {
	if rs == nil {
		return false
	}
	desired, err := strconv.ParseInt(rs.Annotations[desiredAnnotation], 10, 32)
	return err == nil && *rs.Spec.Replicas == *d.Spec.Replicas &&
		int32(desired) == *d.Spec.Replicas && rs.Status.AvailableReplicas == *d.Spec.Replicas
}

// active are those that want a replica.
func active(sets []*appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	var out []*appsv1.ReplicaSet
	for _, rs := range sets {
		if *rs.Spec.Replicas > 0 {
			out = append(out, rs)
		}
	}
	return out
}

// withNew returns a new slice of old and, if there is one, rs.
func withNew(old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	all := slices.Clone(old)
	if rs != nil {
		all = append(all, rs)
	}
	return all
}

// byAge orders by creation, then name.
func byAge(a, b *appsv1.ReplicaSet) int {
	if c := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); c != 0 {
		return c
	}
	return cmp.Compare(a.Name, b.Name)
}

func specReplicas(sets []*appsv1.ReplicaSet) (n int32) {
	for _, rs := range sets {
		n += *rs.Spec.Replicas
	}
	return n
}

func available(sets []*appsv1.ReplicaSet) (n int32) {
	for _, rs := range sets {
		n += rs.Status.AvailableReplicas
	}
	return n
}
