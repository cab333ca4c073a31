// Package controller is the controller manager: the runner that elects a leader,
// and the list of the controllers that the leader runs.
//
// A folder below this one is a controller; pkg/controller/control is what they
// share and explains how one works. Of any number of managers one leads, by the
// Lease kube-system/kube-controller-manager; the others wait and hold no cache.
// The leader starts one set of informers for all its controllers, waits for their
// first state, and runs the controllers until it is told to stop or loses the
// Lease. It writes as system:kube-controller-manager, one user agent a
// controller, and gives the Lease up only after its last write.
package controller
