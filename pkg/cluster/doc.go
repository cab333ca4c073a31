// Package cluster is a cluster's life on one machine: what has to be there
// before its processes can start, the processes themselves under one
// supervisor, and the way back to a machine as if it had never been.
//
// What a caller does, in order:
//
//	paths, err := cluster.NewPaths("/var/lib/slowmo") // every file and folder
//	config, err := cluster.NewConfig(paths)
//	claim, err := cluster.NewClaim(paths)              // nobody else supervises it
//	err = cluster.New(config).Run(ctx, claim, report)  // host, certificates, processes; blocks
//	err = cluster.Down(ctx, config, purge, report)     // after Run, or after a kill -9 of everything
//
// [Cluster.Run] is what `slowmo up` puts into the background. It keeps this
// order, which only dependencies impose, and everything else runs side by side:
//
//	host -> certificates -> containerd -> images -> kubelet -> node
//	                     -> apiserver -> kubelet
//	                                  -> roles -> proxy -> node
//	                                  -> scheduler
//	                                  -> one controller-manager, and then the other
//
// Guarantees. A process that dies is started again, the first time at once,
// then with growing pauses. Processes get their own groups and no death signal:
// when the supervisor itself is killed they work on, and the next up takes over.
// Containers belong to their shims: no end of any process here ends one, only
// [Down] does. What runs is written to a state file before it is relied on, so
// that Down finds it again. Readiness is what a process says over sd_notify
// (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html),
// never a guess from outside.
package cluster
