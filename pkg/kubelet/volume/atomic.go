package volume

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// file is one file of a volume, by its path in it.
type file struct {
	data []byte
	mode fs.FileMode
	uid  *int64 // its owner, if not root
}

// dataLink points to the directory that holds the files of the moment.
const dataLink = "..data"

// writeAtomically makes a directory's content the given files, all at once: it
// writes a new directory beside the old one and switches a symlink over.
//
//	<path>/<file>  -> ..data/<file>
//	<path>/..data  -> ..2026_11_24_10_00_00.123456789
//
// A reader that opened ..data sees all old or all new files. Nothing is written
// when nothing differs.
func writeAtomically(path string, files map[string]file, gid *int64) error {
	link := filepath.Join(path, dataLink)
	old, err := os.Readlink(link)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old != "" && sameContent(filepath.Join(path, old), files) {
		return linkFiles(path, files)
	}
	fresh, err := os.MkdirTemp(path, time.Now().UTC().Format("..2006_01_02_15_04_05."))
	if err != nil {
		return err
	}
	if err := writeAll(fresh, files, gid); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	next := link + "_tmp"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(filepath.Base(fresh), next); err != nil {
		return err
	}
	if err := os.Rename(next, link); err != nil {
		return err
	}
	if err := linkFiles(path, files); err != nil {
		return err
	}
	if old != "" {
		return os.RemoveAll(filepath.Join(path, old))
	}
	return nil
}

func sameContent(dir string, files map[string]file) bool {
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		want, ok := files[name]
		have, err := os.ReadFile(path)
		if err != nil || !ok || !bytes.Equal(have, want.data) {
			return fs.ErrInvalid
		}
		return nil
	})
	return err == nil && n == len(files)
}

func writeAll(dir string, files map[string]file, gid *int64) error {
	if err := os.Chmod(dir, 0o755); err != nil { // MkdirTemp makes it 0700
		return err
	}
	for name, f := range files {
		if !filepath.IsLocal(name) || strings.HasPrefix(name, "..") {
			return fmt.Errorf("invalid path %q in a volume: it must be relative, without \"..\"", name)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.data, f.mode); err != nil {
			return err
		}
		mode := f.mode
		uid := -1
		if f.uid != nil {
			uid = int(*f.uid)
		}
		if gid != nil {
			mode |= 0o440
			if err := os.Chown(path, uid, int(*gid)); err != nil {
				return err
			}
		} else if uid >= 0 {
			if err := os.Chown(path, uid, -1); err != nil {
				return err
			}
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
	}
	return nil
}

// linkFiles makes the names that users see, one for each first path element,
// and removes those that are no longer wanted.
func linkFiles(path string, files map[string]file) error {
	want := map[string]bool{}
	for name := range files {
		first, _, _ := strings.Cut(name, "/")
		want[first] = true
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), ".."):
		case want[e.Name()]:
			delete(want, e.Name())
		default:
			if err := os.Remove(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	for name := range want {
		if err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(path, name)); err != nil {
			return err
		}
	}
	return nil
}
