// Package autoscaling defines the resources of the group autoscaling.
//
// Objects are stored as v2; v1.go converts to and from v1.
package autoscaling
