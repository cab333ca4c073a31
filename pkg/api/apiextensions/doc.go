// Package apiextensions defines the resource of apiextensions.k8s.io/v1: kinds of
// which a cluster learns while it runs.
//
// A CustomResourceDefinition is validated in the form that upstream has inside,
// where what all versions of a kind have in common stands once: the paths in
// errors come from there. Validation goes from the outside in:
//
//	validation.go  the definition: names, versions, scope, approval
//	version.go     a version: columns, subresources, selectable fields, conversion
//	schema.go      the walk over a version's schema
//	lists.go       what a schema says of how lists and maps are merged
//	cel.go, cost.go  the expressions in a schema, and what they may cost
//	lenient.go     what an update may leave as it was stored in other times
//
// That a schema is structural, and that its defaults fit it, are decided by the
// packages of k8s.io/apiextensions-apiserver that also serve custom resources.
//
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
package apiextensions
