// Package batch defines the resources of the group batch/v1: work that ends.
package batch
