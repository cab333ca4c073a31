// Package graduate tests that what we store is what kube-apiserver stores: a
// cluster can move from ours to the real one, and back.
package graduate
