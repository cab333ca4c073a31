// Package apps defines the resources of the group apps/v1.
package apps
