// Package pod defines the resource pods of the core group.
//
// pod.go is the definition. A pod's life, as the API server sees it, is in the
// files beside it: it is made (pod.go), bound to a node (subresources.go), its
// few changeable fields change (update.go), a kubelet reports its status
// (status.go), people look at it (table.go), and it is deleted with grace.
package pod
