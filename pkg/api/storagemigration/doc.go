// Package storagemigration defines the resources of the group storagemigration.k8s.io/v1.
package storagemigration
