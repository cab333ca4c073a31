// Package volumesource checks where the data of a volume comes from: what
// volumes in pods and PersistentVolumes have in common. Most sources are those
// of storage vendors, whose drivers have moved out of Kubernetes; their fields
// are still checked as ever.
//
// A function gets the source and the path at which its errors are to be.
//
// https://kubernetes.io/docs/concepts/storage/volumes/#volume-types
package volumesource
