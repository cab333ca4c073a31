// Package kubectl runs kubectl, as old as Debian's 1.20 and as new as ours, against
// the API server alone: each thing that people do with it, on every kind there is.
package kubectl
