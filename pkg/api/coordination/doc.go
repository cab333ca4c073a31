// Package coordination defines the resources of the group coordination.k8s.io/v1.
package coordination
