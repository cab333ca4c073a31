package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"slowmo/pkg/cluster"
)

// progress prints a line for each step that ends, with its duration. Safe for
// concurrent use.
type progress struct {
	mu     sync.Mutex
	out    io.Writer
	silent bool // what happened before is not shown
}

func newProgress(out io.Writer) *progress { return &progress{out: out} }

// quiet leaves out all but failures and the end.
func (p *progress) quiet() { p.silent = true }

func (p *progress) report(e cluster.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := e.Step == cluster.ClusterStep
	switch {
	case last && e.Kind == cluster.Done && p.silent:
		fmt.Fprintln(p.out, "The cluster is up already.")
	case last && e.Kind == cluster.Done:
		fmt.Fprintf(p.out, "%-24s %8s\n", "The cluster is ready.", took(e.Took))
	case last:
		// The command's own error says it.
	case e.Kind == cluster.Failed:
		fmt.Fprintf(p.out, "  %-22s %8s  failed\n", e.Step, took(e.Took))
	case p.silent:
	case e.Kind == cluster.Stopped:
		fmt.Fprintf(p.out, "  %-22s %8s  stopped\n", e.Step, took(e.Took))
	case e.Kind == cluster.Done:
		fmt.Fprintf(p.out, "  %-22s %8s\n", e.Step, took(e.Took))
	case e.Kind == cluster.Restarted:
		fmt.Fprintf(p.out, "  %-22s %8s  %s\n", e.Step, "", e.Text)
	}
}

func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// newLog writes events as log lines, for the supervisor's own log.
func newLog(out io.Writer) func(cluster.Event) {
	log := slog.New(slog.NewTextHandler(out, nil))
	return func(e cluster.Event) {
		log.Info(strings.ToLower(string(e.Kind)), "step", e.Step, "took", e.Took, "text", e.Text)
	}
}
