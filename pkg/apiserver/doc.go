// Package apiserver is the API server's HTTP front: kube clients cannot tell it
// from kube-apiserver.
//
// Every request takes one way, the chain in chain.go, in the order in which it
// is written there. At its end stand the resources (package rest), the discovery
// documents, and what every component has: health, metrics, version, profiles.
//
// A caller's duties, in order:
//
//	o := apiserver.NewOptions()       // the flags and their defaults
//	err := apiserver.Run(ctx, o)      // etcd, store, policy, server; blocks
//
// or, to serve a store that is open already, New(Config) and Server.Run. Run
// returns when ctx has ended, the requests under way are answered and everything it started has
// ended, in the reverse order of the start.
//
// Packages below this one each do one step of the chain: request holds the
// words that they share, wire the bytes, rest the verbs.
package apiserver
