package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Subpath returns a host path for a part of a volume, for one mount of a
// container. A container of the pod may be changing symlinks in the volume at
// this moment, so the part is opened without leaving the volume and what was
// opened, not its name, is bound to a place of its own. A part that is not there
// is made as a directory.
// https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath
func (s *Set) Subpath(volume Mounted, name, container string, index int, sub string) (string, error) {
	if !filepath.IsLocal(sub) {
		return "", fmt.Errorf("subPath %q must be a relative path within the volume", sub)
	}
	root, err := os.OpenRoot(volume.Path)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if _, err := root.Stat(sub); errors.Is(err, fs.ErrNotExist) {
		if err := root.MkdirAll(sub, 0o755); err != nil {
			return "", fmt.Errorf("failed to create subPath directory for volumeMount %q of container %q: %w", name, container, err)
		}
	}
	part, err := openPart(root, sub)
	if err != nil {
		return "", fmt.Errorf("failed to prepare subPath for volumeMount %q of container %q: %w", name, container, err)
	}
	defer part.Close()
	info, err := part.Stat()
	if err != nil {
		return "", err
	}
	target := filepath.Join(s.dir(), "volume-subpaths", name, container, strconv.Itoa(index))
	if err := makeTarget(target, info.IsDir()); err != nil {
		return "", err
	}
	source := "/proc/self/fd/" + strconv.Itoa(int(part.Fd()))
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return "", fmt.Errorf("bind subPath %q: %w", sub, err)
	}
	return target, nil
}

// maxLinks is how many symlinks are followed, as the kernel does.
const maxLinks = 40

// openPart opens what a name in the volume stands for, without using it: it may
// be a socket or a device. O_PATH opens a symlink itself, so those at the end of
// the name are followed here; those before it the root follows.
func openPart(root *os.Root, sub string) (*os.File, error) {
	for range maxLinks {
		part, err := root.OpenFile(sub, unix.O_PATH, 0)
		if err != nil {
			return nil, err
		}
		info, err := part.Stat()
		if err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return part, nil
		}
		part.Close()
		if err != nil {
			return nil, err
		}
		link, err := root.Readlink(sub)
		if err != nil {
			return nil, err
		}
		sub = filepath.Join(filepath.Dir(sub), link)
		if filepath.IsAbs(link) || !filepath.IsLocal(sub) {
			return nil, fmt.Errorf("%s leads out of the volume", sub)
		}
	}
	return nil, unix.ELOOP
}

// makeTarget makes an empty place to mount on, removing what an earlier
// instance of the container left.
func makeTarget(path string, dir bool) error {
	if err := unmountAll(path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if dir {
		return os.MkdirAll(path, 0o750)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o640)
}

// unmountAll removes every mount that is stacked on a path.
func unmountAll(path string) error {
	for {
		switch err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); {
		case err == nil:
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
			return nil // not mounted, or not there
		default:
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
}
