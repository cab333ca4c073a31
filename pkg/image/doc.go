// Package image makes container images out of single static programs and hands
// them to containerd, so that a fresh machine without a registry in reach can
// run the sample workload and the pod sandbox.
//
// [Pack] builds an image, [Archive] writes images as one OCI archive, [Load]
// imports them over containerd's own API and returns when the CRI plugin knows
// them. The same program always gives the same digest, on every machine: no
// time, user or path of the builder enters the image.
//
// Specification: https://github.com/opencontainers/image-spec (image layout).
package image
