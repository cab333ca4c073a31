package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/types"
)

// volumeDirs are the parts of a pod's directory that hold its volumes.
var volumeDirs = map[string]string{"volumes": "*/*", "volume-subpaths": "*/*/*"}

// Unmount removes the pod's volumes and what is in them. Its containers must
// have ended. It never crosses into another file system: what is mounted and does
// not come off is an error, not removed through the mount.
func (s *Set) Unmount() error {
	for dir, mounts := range volumeDirs {
		dir = filepath.Join(s.dir(), dir)
		paths, err := filepath.Glob(filepath.Join(dir, mounts))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := unmountAll(path); err != nil {
				return err
			}
		}
		if err := removeTree(dir); err != nil {
			return err
		}
	}
	clear(s.tokens)
	return nil
}

// Teardown removes all of the pod's files, volumes and others.
func (s *Set) Teardown() error {
	if err := s.Unmount(); err != nil {
		return err
	}
	return removeTree(s.dir())
}

// removeTree is os.RemoveAll but for staying on one device.
func removeTree(dir string) error {
	var top unix.Stat_t
	switch err := unix.Lstat(dir, &top); {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return err
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if st.Dev != top.Dev {
			return fmt.Errorf("%s is still mounted", path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}

// Pods are the uids of pods that have files: what to tear down after a restart
// for pods that are gone.
func (m *Manager) Pods() ([]types.UID, error) {
	entries, err := os.ReadDir(m.pods)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var uids []types.UID
	for _, e := range entries {
		if e.IsDir() {
			uids = append(uids, types.UID(e.Name()))
		}
	}
	return uids, nil
}
