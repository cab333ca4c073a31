package images

import (
	"context"
	"fmt"
	"log/slog"
	"sort"
	"time"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// Collector removes images that no container uses when the disk is full.
// https://kubernetes.io/docs/concepts/architecture/garbage-collection/#containers-images
type Collector struct {
	Runtime   cri.Runtime
	High, Low int           // per cent of the disk: start above, stop below
	MinAge    time.Duration // younger images are kept
	Interval  time.Duration
	// Disk is how full the file system of the images is, in bytes.
	Disk func(context.Context) (used, total uint64, err error)

	seen map[string]*imageUse // by image id; of the goroutine in Run
}

// imageUse is what Run remembers of an image.
type imageUse struct{ first, last time.Time }

// NewCollector has upstream's defaults.
func NewCollector(runtime cri.Runtime) *Collector {
	c := &Collector{Runtime: runtime, High: 85, Low: 80, MinAge: 2 * time.Minute, Interval: 5 * time.Minute, seen: map[string]*imageUse{}}
	c.Disk = c.disk
	return c
}

// Run collects now and then until ctx ends.
func (c *Collector) Run(ctx context.Context) {
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	for {
		if err := c.collect(ctx, time.Now()); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "image garbage collection failed; will retry", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Collector) collect(ctx context.Context, now time.Time) error {
	images, err := c.observe(ctx, now)
	if err != nil {
		return err
	}
	used, total, err := c.Disk(ctx)
	if err != nil || total == 0 || used*100 < total*uint64(c.High) {
		return err
	}
	excess := used - total*uint64(c.Low)/100
	freed := uint64(0)
	for _, image := range images {
		use := c.seen[image.Id]
		if freed >= excess {
			return nil
		}
		if use.last.Equal(now) || image.Pinned || now.Sub(use.first) < c.MinAge {
			continue
		}
		_, err := c.Runtime.RemoveImage(ctx, &runtimeapi.RemoveImageRequest{Image: &runtimeapi.ImageSpec{Image: image.Id}})
		if err != nil {
			return fmt.Errorf("remove image %s: %w", image.Id, err)
		}
		slog.InfoContext(ctx, "removed an unused image: the disk is full", "image", image.Id, "bytes", image.GetSize())
		freed += image.GetSize()
		delete(c.seen, image.Id)
	}
	if freed < excess {
		return fmt.Errorf("wanted to free %d bytes, but freed %d bytes of unused images", excess, freed)
	}
	return nil
}

// observe notes which images are in use and returns all, least recently used
// first.
func (c *Collector) observe(ctx context.Context, now time.Time) ([]*runtimeapi.Image, error) {
	list, err := c.Runtime.ListImages(ctx, &runtimeapi.ListImagesRequest{})
	if err != nil {
		return nil, err
	}
	containers, err := c.Runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return nil, err
	}
	inUse := map[string]bool{}
	for _, ctr := range containers.Containers {
		inUse[ctr.ImageRef] = true
		inUse[ctr.GetImage().GetImage()] = true
	}
	for _, image := range list.Images {
		use := c.seen[image.Id]
		if use == nil {
			use = &imageUse{first: now}
			c.seen[image.Id] = use
		}
		if inUse[image.Id] || anyOf(inUse, image.RepoDigests) || anyOf(inUse, image.RepoTags) {
			use.last = now
		}
	}
	images := list.Images
	sort.SliceStable(images, func(i, j int) bool {
		return c.seen[images[i].Id].last.Before(c.seen[images[j].Id].last)
	})
	return images, nil
}

func anyOf(set map[string]bool, names []string) bool {
	for _, n := range names {
		if set[n] {
			return true
		}
	}
	return false
}

// disk asks the runtime where the images are, and the kernel how full that is.
func (c *Collector) disk(ctx context.Context) (used, total uint64, err error) {
	info, err := c.Runtime.ImageFsInfo(ctx, &runtimeapi.ImageFsInfoRequest{})
	if err != nil || len(info.ImageFilesystems) == 0 {
		return 0, 0, err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(info.ImageFilesystems[0].GetFsId().GetMountpoint(), &st); err != nil {
		return 0, 0, fmt.Errorf("image file system: %w", err)
	}
	total = st.Blocks * uint64(st.Bsize)
	return total - st.Bavail*uint64(st.Bsize), total, nil
}
