// Package storage keeps objects in etcd and serves every read from memory.
//
// A Store holds a Collection for each resource. A Collection follows etcd's own
// event stream into a cache of Records and answers from it:
//
//	write:  object -> encode -> one guarded etcd transaction -> revision
//	feed:   etcd event -> Record -> tree, map and ring -> waiting readers and watchers
//	read:   read index -> wait until the feed has applied it -> Records
//
// What it guarantees. A write that returned is in etcd's log on disk. A read
// sees each write that returned before the read began. A Watcher delivers each
// change of its collection once, in revision order, or ends with ErrExpired.
// Each Record is encoded at most once per Form, whoever asks.
//
// The stored form is Kubernetes' own (see keys.go and codec.go), so that
// kube-apiserver can be started on the same etcd.
//
// The package knows no HTTP and no authorization; errors are the sentinels below, and
// the server turns them into Statuses.
package storage
