package resource

import resourcev1 "k8s.io/api/resource/v1"

// What is alpha in 1.37 is off by default, and upstream drops its fields:
// derived attributes, attributes of several values, node allocatable resources,
// node operations to skip, partition types and compatibility groups.

func dropFromClaim(claim *resourcev1.DeviceClaim) {
	for i := range claim.Requests {
		if exact := claim.Requests[i].Exactly; exact != nil {
			exact.DerivedAttributes = nil
		}
		for j := range claim.Requests[i].FirstAvailable {
			claim.Requests[i].FirstAvailable[j].DerivedAttributes = nil
		}
	}
}

func dropFromResults(results []resourcev1.DeviceRequestAllocationResult) {
	for i := range results {
		results[i].SkipNodeOperations = nil
	}
}

func dropFromSlice(spec *resourcev1.ResourceSliceSpec) {
	spec.PartitionTypeAttribute, spec.SkipNodeOperations = nil, nil
	for i := range spec.Devices {
		device := &spec.Devices[i]
		device.NodeAllocatableResources = nil
		for j := range device.ConsumesCounters {
			device.ConsumesCounters[j].CompatibilityGroups = nil
		}
		for name, attribute := range device.Attributes {
			attribute.IntValues, attribute.BoolValues, attribute.StringValues, attribute.VersionValues = nil, nil, nil, nil
			device.Attributes[name] = attribute
		}
	}
}
