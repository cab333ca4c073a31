// Package etcd gives the store its etcd: a member inside this process, or a
// client of servers outside.
//
//	member, err := etcd.Start(ctx, etcd.NewConfig(dir))   // or etcd.Dial(servers, tls)
//	store, err := storage.Open(ctx, member.Etcd(), resources)
//	... store.Run(ctx) ...
//	member.Close()                                        // after Run has returned
//
// The embedded member is etcd's own server, called by function calls instead of
// gRPC. It listens nowhere unless it is told to, so that any number of them run
// on a machine. fsync stays on: what a transaction acknowledged is on disk.
package etcd
