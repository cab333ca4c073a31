// Package admissionregistration defines the resources of
// admissionregistration.k8s.io/v1: who is asked, or which expressions are
// evaluated, before a request is admitted. Webhook configurations name servers,
// admission policies hold CEL expressions, and bindings say where a policy holds.
//
// What the parts have in common stands apart: rules.go on the requests that are
// meant, match.go on conditions and selectors, scope.go on the variables that
// expressions know. An expression that was valid when it was stored is compiled
// with all that the server knows; a new one may use what the release before ours
// knows too.
//
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
package admissionregistration
