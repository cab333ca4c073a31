// Package scheduler binds pending pods to nodes: the shell around the decisions of
// slowmo/pkg/scheduler/core.
//
// A pod's way through it:
//
//  1. An informer hands over a pod without a node (watch.go). It enters the queue
//     (queue.go), which gives out the most important pod first, the oldest among equals.
//  2. The loop (scheduler.go) takes it and asks the core. One decision is under way at
//     a time, under the lock that the informers' changes take too, so it sees one
//     consistent state.
//  3. A node is found: the snapshot is told at once that the pod is there, and the
//     binding is sent beside the loop (bind.go). When that fails the pod is taken off the
//     snapshot and tried again after a pause.
//  4. None is found: the pod waits, with the names of the plugins that refused it, until
//     something happens that could change their mind (hints.go). The pod's PodScheduled condition
//     and an event say why. If it is more important than others, some of them may be asked to
//     go (preempt.go).
//
// Nothing polls: the loop sleeps until the queue has a pod that is due.
//
// Pods with scheduling gates wait for those to be removed
// (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/). Pods of
// another spec.schedulerName are left alone.
package scheduler
