// Package discovery defines the resources of the group discovery.k8s.io/v1.
package discovery
