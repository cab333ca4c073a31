// Package node defines the resources of the group node.k8s.io/v1.
package node
