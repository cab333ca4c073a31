// Package check holds the rules of validation that fields of many kinds share:
// what a name looks like, one of a few words, a port. Each answers with
// upstream's errors for the field at a path.
package check
