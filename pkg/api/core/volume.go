package core

import "slowmo/pkg/api/core/volume"

// PersistentVolume and PersistentVolumeClaim have a package of their own: each
// refers to the other.
var (
	PersistentVolume      = volume.Volume
	PersistentVolumeClaim = volume.Claim
)
