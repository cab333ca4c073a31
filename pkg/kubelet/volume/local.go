package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// setupEmptyDir makes a directory that all containers may write to.
// https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
func setupEmptyDir(path string, e *v1.EmptyDirVolumeSource, gid *int64) error {
	switch e.Medium {
	case v1.StorageMediumDefault, v1.StorageMediumMemory:
	default:
		return fmt.Errorf("emptyDir medium %q is not supported by this kubelet; use \"\" or Memory", e.Medium)
	}
	if _, err := os.Stat(path); err == nil {
		return nil // its content belongs to the pod now
	}
	if err := makeDir(path, e.Medium == v1.StorageMediumMemory, e.SizeLimit); err != nil {
		return err
	}
	mode := fs.FileMode(0o777)
	if gid != nil {
		if err := os.Chown(path, -1, int(*gid)); err != nil {
			return err
		}
		mode |= fs.ModeSetgid
	}
	return os.Chmod(path, mode) // not subject to the umask
}

// makeDir makes a directory, on a tmpfs of its own if so wanted.
func makeDir(path string, tmpfs bool, size *resource.Quantity) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	if !tmpfs || isMountpoint(path) {
		return nil
	}
	options := "mode=0755"
	if size != nil && size.Value() > 0 {
		options += ",size=" + strconv.FormatInt(size.Value(), 10)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, options); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", path, err)
	}
	return nil
}

// isMountpoint tells whether something is mounted on a directory: it is on
// another device than its parent.
func isMountpoint(path string) bool {
	var self, parent unix.Stat_t
	return unix.Lstat(path, &self) == nil && unix.Lstat(filepath.Dir(path), &parent) == nil && self.Dev != parent.Dev
}

// checkHostPath makes or checks a path of the host, as its type says.
// https://kubernetes.io/docs/concepts/storage/volumes/#hostpath-volume-types
func checkHostPath(h *v1.HostPathVolumeSource) error {
	kind := v1.HostPathUnset
	if h.Type != nil {
		kind = *h.Type
	}
	switch kind {
	case v1.HostPathUnset:
		return nil // the runtime makes a directory if there is nothing
	case v1.HostPathDirectoryOrCreate:
		if err := os.MkdirAll(h.Path, 0o755); err != nil {
			return fmt.Errorf("hostPath type check failed: %w", err)
		}
	case v1.HostPathFileOrCreate:
		f, err := os.OpenFile(h.Path, os.O_RDONLY|os.O_CREATE, 0o644)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("hostPath type check failed: %w", err)
		}
		if f != nil {
			f.Close()
		}
	}
	info, err := os.Stat(h.Path)
	mode := fs.ModeIrregular
	if err == nil {
		mode = info.Mode()
	}
	ok, what := true, ""
	switch kind {
	case v1.HostPathDirectory, v1.HostPathDirectoryOrCreate:
		ok, what = mode.IsDir(), "directory"
	case v1.HostPathFile, v1.HostPathFileOrCreate:
		ok, what = mode.IsRegular(), "file"
	case v1.HostPathSocket:
		ok, what = mode&fs.ModeSocket != 0, "socket file"
	case v1.HostPathCharDev:
		ok, what = mode&fs.ModeCharDevice != 0, "character device"
	case v1.HostPathBlockDev:
		ok, what = mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0, "block device"
	default:
		return fmt.Errorf("hostPath type %q is not known", kind)
	}
	if !ok {
		return fmt.Errorf("hostPath type check failed: %s is not a %s", h.Path, what)
	}
	return nil
}
