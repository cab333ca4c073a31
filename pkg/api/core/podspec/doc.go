// Package podspec validates what pods share with the templates of other kinds.
//
// Validate answers for the spec of a pod, ValidateTemplate for the template of
// a controller, both with upstream's field paths, wording and order, for a spec
// whose defaults are filled (package poddefaults). Both are pure. What is
// special about a pod that exists (updates, status) is in package pod. The
// checks of names, ports and the like that other kinds need too are exported.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
package podspec
