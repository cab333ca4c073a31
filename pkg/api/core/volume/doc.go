// Package volume defines the resources persistentvolumes and
// persistentvolumeclaims: storage that outlives pods, and what asks for it.
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/
package volume
