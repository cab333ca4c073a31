package component

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// ReleaseStartup gives back the pages of the executable that starting has touched: the
// registration of every kind of the API runs through most of the binary once.
// What is needed again comes back from the page cache by itself. Called when a
// component has started it saves about 10 MiB of resident memory a process.
func ReleaseStartup() {
	if err := releaseStartup(); err != nil {
		slog.Debug("The memory that starting took is kept", "err", err)
	}
}

func releaseStartup() error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(maps) {
		var from, to uintptr
		var mode, offset, device, inode, path string
		n, err := fmt.Sscanf(string(line), "%x-%x %s %s %s %s %s", &from, &to, &mode, &offset, &device, &inode, &path)
		// Pages that may have been written are not in the file as they are.
		if err != nil || n < 7 || path != self || bytes.ContainsRune([]byte(mode), 'w') {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise %s: %w", path, errno)
		}
	}
	return nil
}
