// Package upstream tests that our components and upstream's can take each other's
// place. It runs the real kube-apiserver with the real etcd, which build.sh builds
// (`make peers`), under our own supervisor: standin is a program of our
// apiserver's name and flags that starts the two.
package upstream
