// Package podspec holds what pods share with the templates of other kinds: the
// defaults of a pod's spec and its validation.
//
// Defaults fills a spec or template in place. Validate answers for a spec with
// upstream's field paths, wording and order; ValidateTemplate answers for the
// template of a controller. Both are pure. What is special about a pod that
// exists (updates, status, binding) is in package core.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
package podspec
