// Package apiregistration defines the resources of the group
// apiregistration.k8s.io/v1: who serves which version of which group.
package apiregistration
