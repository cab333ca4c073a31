package core

import (
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Images smaller than smallImage in sum are not worth choosing a node for; above
// largeImage a container there is no difference any more.
const (
	smallImage = 23 * 1024 * 1024
	largeImage = 1000 * 1024 * 1024
)

// maxImages is how many of a pod's images a verdict can remember.
const maxImages = 64

// podImages returns the images of a pod's containers by their normalized names.
func podImages(p *v1.Pod) []string {
	var names []string
	for _, list := range [][]v1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range list {
			if len(names) < maxImages {
				names = append(names, normalizedImage(list[i].Image))
			}
		}
	}
	return names
}

// normalizedImage adds the tag that is meant where none is given.
func normalizedImage(name string) string {
	if strings.LastIndexByte(name, ':') <= strings.LastIndexByte(name, '/') {
		return name + ":latest"
	}
	return name
}

// presentImages has a bit for each image of the class that is on the node.
func presentImages(c *class, n *node) uint64 {
	var bits uint64
	for i, name := range c.images {
		if _, ok := n.images[name]; ok {
			bits |= 1 << i
		}
	}
	return bits
}

// imageLocality is the score of the ImageLocality plugin: the bytes that need not be pulled,
// each image weighed by the share of nodes that have it, so that one node that alone has a
// large image does not draw every pod.
func (s *Snapshot) imageLocality(c *class, n *node, present uint64) int64 {
	if present == 0 {
		return 0
	}
	var sum int64
	for i, name := range c.images {
		if present&(1<<i) != 0 {
			sum += n.images[name] * s.imageNodes[name] / int64(len(s.order))
		}
	}
	top := int64(largeImage * len(c.images))
	sum = min(max(sum, smallImage), top)
	return maxScore * (sum - smallImage) / (top - smallImage)
}
