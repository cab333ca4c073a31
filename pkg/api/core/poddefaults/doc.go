// Package poddefaults fills what clients leave open in pod specs.
//
// Set is for every spec, that of a pod and that of a template; SetPod is for
// what only a pod has filled, after Set. Both are idempotent: they run on each
// decoded body and on each stored object that is read for a write.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
package poddefaults
