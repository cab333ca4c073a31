// Package certificates defines the resources of the group certificates.k8s.io/v1:
// requests for certificates, by clients and for pods, and the roots to trust.
//
// Who may approve, sign or attest for a signer is admission's business and not
// decided here.
package certificates
