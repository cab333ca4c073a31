// Package authorization defines the reviews of the group authorization.k8s.io/v1:
// questions that are answered at once and never stored.
package authorization
