// Package authentication defines the reviews of the group authentication.k8s.io/v1:
// questions that are answered at once and never stored.
package authentication
