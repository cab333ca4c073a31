// Package flowcontrol defines the resources of flowcontrol.apiserver.k8s.io/v1:
// how requests are sorted into flows (FlowSchema) and what share of the server a
// flow may have (PriorityLevelConfiguration).
//
// objects.go lists those that every cluster has. Two schemas and two levels of
// them are mandatory: their specs may not be changed, and validation holds
// clients to that.
//
// https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
package flowcontrol
