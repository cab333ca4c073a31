// Package limits defines the resources limitranges and resourcequotas: how much
// one object of a namespace may use, and how much all of them together.
//
// https://kubernetes.io/docs/concepts/policy/
package limits
