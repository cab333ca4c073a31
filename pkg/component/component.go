// Package component is what all binaries share: how a process starts and ends,
// its flags, log, metrics, health and the clients it makes.
//
// A component's main is one line, os.Exit(component.Main("kube-scheduler", run)).
// run parses its flags into a Config, checks it, and blocks until ctx ends. What
// a component does with this package, in order:
//
//	flags := component.NewFlags(name, text)     // --v, --kubeconfig, ...
//	serving := component.NewServing(10259)      // --secure-port, ...
//	if err := flags.Parse(args); err != nil     // usage errors exit 2
//	config, err := flags.ClientConfig()         // protobuf, causes, metrics
//	serving.Run(ctx, config)                    // /livez /readyz /metrics ...
//
// Exit codes: 0 after SIGTERM or SIGINT and for --help and --version, 1 for an
// error, 2 for a flag or a configuration that cannot be used.
package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

// Version is the release of Kubernetes whose behaviour the components have.
const Version = "v1.37.2"

// UsageError is what a person has to mend before the process can start: a flag
// or a configuration file. Main prints it in one line and exits with 2.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// errDone ends a run that has answered already (--version).
var errDone = errors.New("done")

// Main runs a component until it ends or the process is told to stop, and
// returns the exit code. The first SIGTERM or SIGINT ends ctx; a second one
// kills the process, as Go does by default.
func Main(name string, run func(ctx context.Context, args []string) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:])
	var usage *UsageError
	switch {
	case err == nil, errors.Is(err, errDone), errors.Is(err, pflag.ErrHelp):
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "%s: %v (see %s --help)\n", name, err, name)
		return 2
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return 1
}
