package deployment

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
)

// The annotations by which kubectl rollout and proportional scaling work.
const (
	revisionAnnotation        = "deployment.kubernetes.io/revision"
	revisionHistoryAnnotation = "deployment.kubernetes.io/revision-history"
	desiredAnnotation         = "deployment.kubernetes.io/desired-replicas"
	maxAnnotation             = "deployment.kubernetes.io/max-replicas"

	// maxHistory bounds revision-history, in bytes.
	maxHistory = 2000
)

// own are the annotations that a Deployment does not hand down to its ReplicaSets.
var own = []string{
	v1.LastAppliedConfigAnnotation, revisionAnnotation, revisionHistoryAnnotation,
	desiredAnnotation, maxAnnotation, appsv1.DeprecatedRollbackTo,
}

// revision reads the revision annotation; none, or what is no number, is 0.
func revision(annotations map[string]string) int64 {
	n, _ := strconv.ParseInt(annotations[revisionAnnotation], 10, 64)
	return n
}

// nextRevision is one above the newest of the old ReplicaSets.
func nextRevision(old []*appsv1.ReplicaSet) int64 {
	var newest int64
	for _, rs := range old {
		newest = max(newest, revision(rs.Annotations))
	}
	return newest + 1
}

// annotate returns the annotations that the new ReplicaSet should have: the
// Deployment's own ones but for those of this controller, the revision, and the
// revisions that it was before if a rollback brought it forward again.
func annotate(d *appsv1.Deployment, rs *appsv1.ReplicaSet, next int64) map[string]string {
	out := maps.Clone(rs.Annotations)
	if out == nil {
		out = map[string]string{}
	}
	for name, value := range d.Annotations {
		if !slices.Contains(own, name) {
			out[name] = value
		}
	}
	was, had := rs.Annotations[revisionAnnotation]
	if had && was != "" {
		if _, err := strconv.ParseInt(was, 10, 64); err != nil {
			return out // someone else's idea of a revision: leave it alone
		}
	}
	if revision(rs.Annotations) < next {
		out[revisionAnnotation] = strconv.FormatInt(next, 10)
		if had {
			out[revisionHistoryAnnotation] = appendHistory(out[revisionHistoryAnnotation], was)
		}
	}
	return out
}

// appendHistory adds a revision to a comma-separated list and drops the oldest ones
// while it is too long.
func appendHistory(history, was string) string {
	if history == "" {
		return was
	}
	history += "," + was
	for len(history) > maxHistory {
		_, rest, more := strings.Cut(history, ",")
		if !more {
			break
		}
		history = rest
	}
	return history
}

// sizeAnnotations sets how large the whole rollout was meant to be when rs was last
// scaled: proportional scaling starts from there.
func sizeAnnotations(annotations map[string]string, d *appsv1.Deployment) map[string]string {
	out := maps.Clone(annotations)
	if out == nil {
		out = map[string]string{}
	}
	out[desiredAnnotation] = strconv.Itoa(int(*d.Spec.Replicas))
	out[maxAnnotation] = strconv.Itoa(int(*d.Spec.Replicas + maxSurge(d)))
	return out
}
