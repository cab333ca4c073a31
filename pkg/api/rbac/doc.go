// Package rbac defines the resources of the group rbac.authorization.k8s.io/v1.
//
// Roles and cluster roles say what may be done, bindings say who may do it.
// Their names may be any path segment ("system:node"), unlike those of other kinds.
package rbac
