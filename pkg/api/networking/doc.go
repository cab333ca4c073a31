// Package networking defines the resources of the group networking.k8s.io/v1.
package networking
