package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrClaimed says that a supervisor has the cluster already.
var ErrClaimed = errors.New("a supervisor runs this cluster already")

// Claim is the right to supervise a cluster: a lock that ends with the last
// process that holds it, and the socket to be asked on. A claim can be handed
// to a child process, so there is no moment at which two supervisors run, or in
// which somebody knows of a supervisor and cannot ask it.
type Claim struct {
	lock   *os.File
	listen *net.UnixListener
}

// NewClaim takes the claim on the cluster, or fails with ErrClaimed.
func NewClaim(paths Paths) (*Claim, error) {
	lock, err := lockFile(paths)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(paths.Control()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(err, lock.Close())
	}
	listen, err := net.ListenUnix("unix", &net.UnixAddr{Name: paths.Control(), Net: "unix"})
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	listen.SetUnlinkOnClose(false) // it may live on in the child
	return &Claim{lock: lock, listen: listen}, nil
}

// lockFile takes the lock that the supervisor holds for its life.
func lockFile(paths Paths) (*os.File, error) {
	if err := os.MkdirAll(paths.Run, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(paths.Run, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrClaimed
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// Files returns what a child needs to inherit the claim, for exec.Cmd.ExtraFiles.
func (c *Claim) Files() ([]*os.File, error) {
	listen, err := c.listen.File()
	return []*os.File{c.lock, listen}, err
}

// InheritClaim returns the claim in a child that was given Files as its only
// extra ones.
func InheritClaim() (*Claim, error) {
	lock, socket := os.NewFile(3, "lock"), os.NewFile(4, "socket")
	defer socket.Close()
	listener, err := net.FileListener(socket)
	if err != nil {
		return nil, fmt.Errorf("no claim to inherit: %w", err)
	}
	listen, ok := listener.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("no claim to inherit: file 4 is a %T", listener)
	}
	unix.CloseOnExec(3) // what the supervisor starts must not hold the claim
	return &Claim{lock: lock, listen: listen}, nil
}

// Close gives up this process's share of the claim.
func (c *Claim) Close() error { return errors.Join(c.listen.Close(), c.lock.Close()) }

// dial connects to the supervisor. The lock is taken a moment before the socket
// is there, so a refused connection is tried again as long as ctx allows.
func dial(ctx context.Context, paths Paths) (net.Conn, error) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "unix", paths.Control())
		if err == nil {
			return conn, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("the supervisor does not answer: %w", err)
		}
	}
}
