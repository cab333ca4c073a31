// Command echoserver is the sample workload of the article this project makes
// true: it answers every request with the request, in the words of
// k8s.gcr.io/echoserver:1.4, and logs one access line for each to stdout.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const address = ":8080"

// grace is what requests in flight get after SIGTERM: little, because a pod that
// ends promptly makes rolling updates quick.
const grace = time.Second

func main() {
	version := flag.Bool("version", false, "print the version and exit")
	stubborn := flag.Bool("ignore-term", false, "go on after SIGTERM, to see what a pod's grace period does")
	flag.Parse()
	if *version {
		fmt.Println("echoserver 1.4")
		return
	}
	ends := []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT}
	if *stubborn {
		signal.Ignore(syscall.SIGTERM)
		ends = ends[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "echoserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	server := &http.Server{Addr: address, Handler: echo{log: os.Stdout}, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(stopping) != nil {
		return server.Close()
	}
	return nil
}
