package namespace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// progress is how far the deletion of a namespace's contents has come.
type progress struct {
	discovery error          // what could not be found out
	failures  []error        // what could not be deleted
	remaining map[string]int // objects left, by "plural.group"
	holders   map[string]int // objects left, by the finalizer that holds them
	grace     time.Duration  // the longest that a pod may still take
}

func (p *progress) done() bool {
	return p.discovery == nil && len(p.failures) == 0 && len(p.remaining) == 0
}

// conditions returns the conditions of a namespace under deletion, with texts as
// upstream's; they follow old as far as nothing has changed.
func (p *progress) conditions(old []v1.NamespaceCondition, now time.Time) []v1.NamespaceCondition {
	var failure string
	if n := len(p.failures); n > 0 {
		failure = fmt.Sprintf("Failed to delete all resource types, %d remaining: %v", n, p.failures[0])
	}
	var undiscovered string
	if p.discovery != nil {
		undiscovered = fmt.Sprintf("Discovery failed for some groups, %v", p.discovery)
	}
	out := slices.Clone(old)
	for _, c := range []struct {
		kind                   v1.NamespaceConditionType
		bad                    string // why it is True; empty: it is False
		reason, good, goodText string
	}{
		{v1.NamespaceDeletionDiscoveryFailure, undiscovered, "DiscoveryFailed", "ResourcesDiscovered", "All resources successfully discovered"},
		{v1.NamespaceDeletionGVParsingFailure, "", "GroupVersionParsingFailed", "ParsedGroupVersions", "All legacy kube types successfully parsed"},
		{v1.NamespaceDeletionContentFailure, failure, "ContentDeletionFailed", "ContentDeleted", "All content successfully deleted, may be waiting on finalization"},
		{v1.NamespaceContentRemaining, some("Some resources are remaining: ", p.remaining, "%s has %d resource instances"), "SomeResourcesRemain", "ContentRemoved", "All content successfully removed"},
		{v1.NamespaceFinalizersRemaining, some("Some content in the namespace has finalizers remaining: ", p.holders, "%s in %d resource instances"), "SomeFinalizersRemain", "ContentHasNoFinalizers", "All content-preserving finalizers finished"},
	} {
		next := v1.NamespaceCondition{Type: c.kind, Status: v1.ConditionFalse, Reason: c.good, Message: c.goodText}
		if c.bad != "" {
			next.Status, next.Reason, next.Message = v1.ConditionTrue, c.reason, c.bad
		}
		next.LastTransitionTime = metav1.NewTime(now)
		out = set(out, next)
	}
	return out
}

// some lists counts by name, sorted; none is the empty string.
func some(intro string, counts map[string]int, format string) string {
	if len(counts) == 0 {
		return ""
	}
	var parts []string
	for name, n := range counts {
		parts = append(parts, fmt.Sprintf(format, name, n))
	}
	slices.Sort(parts)
	return intro + strings.Join(parts, ", ")
}

func set(conditions []v1.NamespaceCondition, next v1.NamespaceCondition) []v1.NamespaceCondition {
	for i, c := range conditions {
		if c.Type != next.Type {
			continue
		}
		if c.Status == next.Status && c.Reason == next.Reason && c.Message == next.Message {
			return conditions
		}
		conditions[i] = next
		return conditions
	}
	return append(conditions, next)
}
