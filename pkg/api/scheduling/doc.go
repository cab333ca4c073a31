// Package scheduling defines the resources of the group scheduling.k8s.io/v1.
package scheduling
