// Package resource defines the resources of resource.k8s.io/v1, dynamic resource
// allocation: the devices that drivers offer (ResourceSlice, DeviceTaintRule),
// their classes (DeviceClass), and who asks for them (ResourceClaim,
// ResourceClaimTemplate).
//
// Validation has two passes in one walk. The rules that upstream wrote by hand
// come first in its answers, then those that it reads off the tags of the types;
// check.go keeps the two apart. Fields whose feature is alpha in 1.37 are
// dropped, as a server with its features at their defaults does (alpha.go).
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
package resource
