// Package rbac defines the resources of the group rbac.authorization.k8s.io/v1.
package rbac
