// Package network gives pods their addresses and ways to each other: the CNI
// configuration by which the runtime attaches a pod to its node's bridge.
package network
