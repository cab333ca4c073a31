package deployment

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
)

// plan is all that one sync does. It is a value: decide makes it without a clock
// or a client.
type plan struct {
	create  *appsv1.ReplicaSet // nil: none
	change  []change           // in the order in which to write them
	remove  []*appsv1.ReplicaSet
	status  appsv1.DeploymentStatus
	current string        // the Deployment's revision annotation; empty: as it is
	again   time.Duration // when to look at the deadline; zero: never
}

// change is a ReplicaSet before and after. Only annotations, spec.replicas and
// spec.minReadySeconds differ.
type change struct{ from, to *appsv1.ReplicaSet }

// world is what decide sees: a Deployment and the ReplicaSets that it controls,
// all shared with the cache.
type world struct {
	deployment *appsv1.Deployment
	sets       []*appsv1.ReplicaSet
	// busy says whether a ReplicaSet still has pods that run or are about to
	// end: a Recreate waits for them.
	busy func(*appsv1.ReplicaSet) bool
	now  time.Time
}

// decide computes the next step of a Deployment. Applying it and looking again
// leads to the wanted state; at that state it is empty.
func decide(w world) plan {
	d := w.deployment
	old, rs := split(d, w.sets)
	if d.DeletionTimestamp != nil {
		return plan{status: counts(d, old, rs, w.now)}
	}
	var p plan
	originals := make(map[*appsv1.ReplicaSet]*appsv1.ReplicaSet, len(w.sets))
	for i := range old {
		old[i] = editable(old[i], originals)
	}
	if rs != nil {
		rs = editable(rs, originals)
		rs.Annotations = annotate(d, rs, nextRevision(old))
		rs.Spec.MinReadySeconds = d.Spec.MinReadySeconds
	}
	steady := d.Spec.Paused || resized(d, w.sets)
	switch {
	case steady:
		scaleProportionally(d, old, rs)
		for _, set := range active(withNew(old, rs)) {
			set.Annotations = sizeAnnotations(set.Annotations, d)
		}
	case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		rs = recreate(w, old, rs, &p)
	default:
		rs = roll(d, old, rs, &p)
	}
	p.change = changes(d, withNew(old, rs), originals)
	p.status = statusOf(d, old, rs, p.create != nil, steady, w.now)
	if rs != nil && rs.Annotations[revisionAnnotation] != d.Annotations[revisionAnnotation] {
		p.current = rs.Annotations[revisionAnnotation]
	}
	if d.Spec.Paused || len(p.change) == 0 && p.create == nil && complete(d, &p.status) {
		p.remove = surplus(d, old)
	}
	p.again = recheck(d, &p.status, w.now)
	return p
}

// split finds the ReplicaSet of the present template, the oldest if there are
// several, and the others.
func split(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) (old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet) {
	for _, set := range slices.SortedStableFunc(slices.Values(sets), byAge) {
		if rs == nil && sameTemplate(&set.Spec.Template, &d.Spec.Template) {
			rs = set
		} else {
			old = append(old, set)
		}
	}
	return old, rs
}

// editable returns a copy of which the fields that a plan changes are its own.
func editable(rs *appsv1.ReplicaSet, originals map[*appsv1.ReplicaSet]*appsv1.ReplicaSet) *appsv1.ReplicaSet {
	out := *rs
	replicas := int32(1) // the API's default, for an object that skipped it
	if rs.Spec.Replicas != nil {
		replicas = *rs.Spec.Replicas
	}
	out.Spec.Replicas = &replicas
	out.Annotations = maps.Clone(rs.Annotations)
	originals[&out] = rs
	return &out
}

// resized says whether the Deployment's size changed since its ReplicaSets were
// last scaled.
func resized(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) bool {
	for _, rs := range sets {
		if rs.Spec.Replicas == nil || *rs.Spec.Replicas == 0 {
			continue
		}
		desired, err := strconv.ParseInt(rs.Annotations[desiredAnnotation], 10, 32)
		if err == nil && int32(desired) != *d.Spec.Replicas {
			return true
		}
	}
	return false
}

// roll takes a rolling update one step on and returns the new ReplicaSet.
func roll(d *appsv1.Deployment, old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet, p *plan) *appsv1.ReplicaSet {
	rs = orCreate(d, old, rs, p)
	*rs.Spec.Replicas = newSize(d, withNew(old, rs), rs)
	shrinkOld(d, old, rs)
	return rs
}

// recreate ends all old pods before it makes new ones.
func recreate(w world, old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet, p *plan) *appsv1.ReplicaSet {
	waiting := false
	for _, set := range old {
		waiting = waiting || *set.Spec.Replicas > 0 || set.Status.Replicas > 0 || w.busy(set)
		*set.Spec.Replicas = 0
	}
	if waiting {
		return rs
	}
	rs = orCreate(w.deployment, old, rs, p)
	*rs.Spec.Replicas = *w.deployment.Spec.Replicas
	return rs
}

func orCreate(d *appsv1.Deployment, old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet, p *plan) *appsv1.ReplicaSet {
	if rs == nil {
		rs = newReplicaSet(d)
		rs.Annotations = sizeAnnotations(annotate(d, rs, nextRevision(old)), d)
		p.create = rs
	}
	return rs
}

// changes lists the ReplicaSets that differ from what is stored. One that was
// resized is marked with the size of the whole. What grows comes first, so that
// a failure in between leaves too many pods rather than too few.
func changes(d *appsv1.Deployment, sets []*appsv1.ReplicaSet, originals map[*appsv1.ReplicaSet]*appsv1.ReplicaSet) []change {
	var out []change
	for _, rs := range sets {
		from, ok := originals[rs]
		if !ok {
			continue // to be created
		}
		same := from.Spec.Replicas != nil && *from.Spec.Replicas == *rs.Spec.Replicas
		if !same {
			rs.Annotations = sizeAnnotations(rs.Annotations, d)
		}
		if !same || from.Spec.MinReadySeconds != rs.Spec.MinReadySeconds || !maps.Equal(from.Annotations, rs.Annotations) {
			out = append(out, change{from, rs})
		}
	}
	slices.SortStableFunc(out, func(a, b change) int { return int(b.growth() - a.growth()) })
	return out
}

// growth is by how many replicas the change is.
func (c change) growth() int32 {
	if c.from.Spec.Replicas == nil {
		return 0
	}
	return *c.to.Spec.Replicas - *c.from.Spec.Replicas
}

// statusOf computes the whole status. The first one of a revision says so, which
// starts the progress deadline.
func statusOf(d *appsv1.Deployment, old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet, created, steady bool, now time.Time) appsv1.DeploymentStatus {
	status := counts(d, old, rs, now)
	noticePause(d, &status, now)
	if steady {
		return status
	}
	seen := d
	if rs != nil && rs.Annotations[revisionAnnotation] != d.Annotations[revisionAnnotation] && hasDeadline(d) {
		seen = d.DeepCopy()
		seen.Status.UpdatedReplicas = 0
		reason, message := "NewReplicaSetCreated", "Created new replica set "
		if !created && rs.Annotations[revisionHistoryAnnotation] != "" {
			reason, message = "FoundNewReplicaSet", "Found new replica set "
		}
		for _, s := range []*appsv1.DeploymentStatus{&seen.Status, &status} {
			touchCondition(s, now, appsv1.DeploymentProgressing, v1.ConditionTrue, reason, message+strconv.Quote(rs.Name))
		}
	}
	progress(seen, &status, old, rs, now)
	return status
}

// surplus lists the old ReplicaSets beyond revisionHistoryLimit, oldest revision
// first, that nothing depends on any more.
func surplus(d *appsv1.Deployment, old []*appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	limit := d.Spec.RevisionHistoryLimit
	if limit == nil || *limit == math.MaxInt32 {
		return nil
	}
	alive := slices.DeleteFunc(slices.Clone(old), func(rs *appsv1.ReplicaSet) bool { return rs.DeletionTimestamp != nil })
	slices.SortStableFunc(alive, func(a, b *appsv1.ReplicaSet) int {
		return int(revision(a.Annotations) - revision(b.Annotations))
	})
	excess := max(0, len(alive)-int(*limit))
	return slices.DeleteFunc(alive[:excess], func(rs *appsv1.ReplicaSet) bool {
		return rs.Status.Replicas != 0 || *rs.Spec.Replicas != 0 || rs.Generation > rs.Status.ObservedGeneration
	})
}
