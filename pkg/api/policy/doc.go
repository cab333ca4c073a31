// Package policy defines the resources of the group policy/v1.
package policy
