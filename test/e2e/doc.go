// Package e2e makes the article's walk on a real cluster: real processes, real
// containers, unmodified kubectl.
//
// TestMain brings one cluster up with bin/slowmo (built by `make build`), all
// tests share it, and afterwards it is taken down and the host looked over.
// The tests run as root, one after another, in the order of the files' names;
// the first (a_reference_test.go) wants the cluster untouched. Tests that kill what a cluster needs
// leave it working.
//
// testdata/hello holds the same walk as recorded on upstream's components.
package e2e
