// Package core decides where a pod should run. It is pure: no clock, no client,
// no goroutine. The same snapshot and the same pod give the same decision, so a
// decision can be tested, replayed and explained.
//
// A caller's duties, in order:
//
//  1. Keep a Snapshot up to date: SetNode, SetPod (pods that have a node),
//     SetNamespace, and their Remove counterparts.
//  2. Ask Snapshot.Decide about one pending pod.
//  3. If the Decision names a node, tell the snapshot at once with SetPod, so
//     that the next decision sees the space as taken; take it back with
//     RemovePod when binding fails.
//
// A Snapshot is used by one goroutine at a time; the caller holds a lock where
// there are several.
//
// # How it is fast
//
// Most pods look like the one before: replicas of one template. Pods that
// cannot be told apart by any plugin form a class, and the snapshot keeps, for each
// class, what every node answered. Every change of a node gives it a new
// generation, so a decision asks again only those nodes that changed since; after a
// burst of one Deployment that is one node a decision, not five thousand. What
// depends on more than one node (topology spread, pod affinity) is kept as
// counters per topology domain, to which each node's answer contributes, so it is
// corrected by the same difference.
//
// # Order
//
// The filters run in the order of localFilters, then the ones that look at whole
// domains; the first that refuses a node gives the reason. Scores and weights
// are those of upstream's default profile, and so are the reasons' texts
// (https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins).
// Where two nodes score alike the one with fewer pods wins, then the one
// that sorts first by name: upstream throws dice there.
package core
