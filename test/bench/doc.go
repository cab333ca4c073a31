// Package bench measures what a person waits for and what it costs, and prints
// each figure beside what it is compared with: the bare CRI calls of the same
// containerd in the same run, or the figures of a peer.
//
//	make bench
//
// runs it as root on an idle machine; `go test -bench . ./test/bench` does the
// same after `make build`.
//
// The benchmarks of the API server alone (BenchmarkPods, BenchmarkWatch) need no
// root. With KUBE_APISERVER naming a kube-apiserver, and ETCD an etcd if there is none
// in the PATH, they run on those too and compare within the run.
package bench
