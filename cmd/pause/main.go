// Command pause holds a pod's namespaces open. It is process 1 of the pod's
// sandbox, so it also reaps what the pod's containers leave behind when they
// share its process namespace.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

// version is the image tag this program is packed under.
const version = "3.10"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-v" {
		os.Stdout.WriteString("pause " + version + "\n")
		return
	}
	// SIGCHLDs merge while one is pending, so reap until there is nothing left.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
	}
}
