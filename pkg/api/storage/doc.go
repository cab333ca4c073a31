// Package storage defines the resources of the group storage.k8s.io/v1: the
// classes that volumes are made of, and what drivers say of themselves, of
// nodes and of attached volumes. It stores nothing: that is slowmo/pkg/storage.
package storage
