// Standin takes our apiserver's place in a cluster: it has its flags, and starts
// etcd and kube-apiserver with them. It ends when it is told to, or when one of
// the two ends.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"slowmo/pkg/component"
)

func main() { os.Exit(component.Main("standin", run)) }

// The two serve where the cluster expects it, and etcd where it is by default.
const (
	server = "https://127.0.0.1:6443"
	store  = "http://127.0.0.1:2379"
)

func run(ctx context.Context, args []string) error {
	var data string
	var flags []string
	for _, arg := range args {
		if dir, ok := strings.CutPrefix(arg, "--data-dir="); ok {
			data = dir
		} else {
			flags = append(flags, arg)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	beside := filepath.Dir(self)
	group, ctx := errgroup.WithContext(ctx)
	// The store outlives the server, which could not end without it.
	storeCtx, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		return start(storeCtx, filepath.Join(beside, "etcd"), "--data-dir="+data, "--log-level=error")
	})
	group.Go(func() error {
		defer stopStore()
		return start(ctx, filepath.Join(beside, "kube-apiserver"), append(flags, "--etcd-servers="+store)...)
	})
	group.Go(func() error {
		if err := ready(ctx); err != nil {
			return err
		}
		return component.Started()
	})
	return group.Wait()
}

// start runs a program until ctx ends, and then asks it to end. It is killed when
// this process is, for which the thread that started it has to stay.
func start(ctx context.Context, program string, args ...string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s ended: %v", program, err)
}

// ready waits for the server's /readyz, which there is no event for.
func ready(ctx context.Context) error {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := client.Get(server + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
