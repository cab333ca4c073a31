package control

import (
	v1 "k8s.io/api/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	endpointsliceutil "k8s.io/endpointslice/util"
)

// ServicesOf returns the keys of the Services whose endpoints a pod's change may
// change.
func ServicesOf(services corelisters.ServiceLister, e Event[*v1.Pod]) []string {
	var old, next any // a nil pointer must become a nil interface
	if e.Old != nil {
		old = e.Old
	}
	if e.New != nil {
		next = e.New
	}
	keys, err := endpointsliceutil.GetServicesToUpdate(services, endpointsliceutil.GetPodUpdateProjectionKey(old, next))
	if err != nil {
		return nil // a cache list has no errors
	}
	return keys.UnsortedList()
}
