package logs

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// Rotator keeps the logs of running containers below a size:
//
//	0.log                       being written
//	0.log.20261124-100000       the one before
//	0.log.20261124-090000.gz    older ones
type Rotator struct {
	Runtime  cri.Containers
	MaxSize  int64 // bytes
	MaxFiles int   // of a container, the one being written included
	Interval time.Duration
}

// stampFormat sorts as time does.
const stampFormat = "20060102-150405"

// Run rotates until ctx ends.
func (r *Rotator) Run(ctx context.Context) {
	tick := time.NewTicker(r.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.rotateAll(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "container logs not rotated; will retry", "err", err)
		}
	}
}

func (r *Rotator) rotateAll(ctx context.Context) error {
	list, err := r.Runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	}})
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range list.Containers {
		st, err := r.Runtime.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: c.Id})
		if cri.IsNotFound(err) || err == nil && st.Status.LogPath == "" {
			continue
		}
		if err != nil {
			return err
		}
		if err := r.rotate(ctx, c.Id, st.Status.LogPath); err != nil {
			errs = append(errs, fmt.Errorf("container %s: %w", c.Id, err))
		}
	}
	return errors.Join(errs...)
}

// rotate moves a log that has grown too large out of the way and has the
// runtime begin another.
func (r *Rotator) rotate(ctx context.Context, id, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		// A crash between the rename and the reopening leaves no file.
		_, err := r.Runtime.ReopenContainerLog(ctx, &runtimeapi.ReopenContainerLogRequest{ContainerId: id})
		return err
	}
	if err != nil || info.Size() < r.MaxSize {
		return err
	}
	if err := r.prune(path); err != nil {
		return err
	}
	old := path + "." + time.Now().UTC().Format(stampFormat)
	if err := os.Rename(path, old); err != nil {
		return err
	}
	if _, err := r.Runtime.ReopenContainerLog(ctx, &runtimeapi.ReopenContainerLogRequest{ContainerId: id}); err != nil {
		return errors.Join(fmt.Errorf("reopen: %w", err), os.Rename(old, path))
	}
	return nil
}

// prune makes room for one more and compresses those that nobody reads now.
func (r *Rotator) prune(path string) error {
	old, err := filepath.Glob(path + ".*")
	if err != nil {
		return err
	}
	sort.Strings(old) // oldest first
	for len(old) > 0 && len(old) > r.MaxFiles-2 {
		if err := os.Remove(old[0]); err != nil {
			return err
		}
		old = old[1:]
	}
	for _, name := range old {
		switch {
		case strings.HasSuffix(name, ".tmp"):
			err = os.Remove(name)
		case !strings.HasSuffix(name, ".gz"):
			err = compress(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func compress(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(out)
	_, err = io.Copy(zip, in)
	if err = errors.Join(err, zip.Close(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return errors.Join(os.Rename(out.Name(), path+".gz"), os.Remove(path))
}
