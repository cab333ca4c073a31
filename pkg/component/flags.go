package component

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
)

// Flags are a component's command line: the flags that all have, and those that
// it adds to the embedded set. Unknown flags and stray arguments are errors.
type Flags struct {
	*pflag.FlagSet

	// Kubeconfig is a path; empty means $KUBECONFIG, then in-cluster.
	Kubeconfig string

	name, about string
	version     bool
	features    map[string]string
	verbosity   *flag.FlagSet
	out         io.Writer
}

// NewFlags makes the set with --v, --vmodule, --feature-gates, --version and
// --kubeconfig. about is one sentence for --help.
func NewFlags(name, about string) *Flags {
	f := &Flags{
		FlagSet:   pflag.NewFlagSet(name, pflag.ContinueOnError),
		name:      name,
		about:     about,
		verbosity: flag.NewFlagSet(name, flag.ContinueOnError),
		out:       os.Stdout,
	}
	f.Usage = func() {}
	klog.InitFlags(f.verbosity)
	for _, name := range []string{"v", "vmodule"} {
		f.AddGoFlag(f.verbosity.Lookup(name))
	}
	f.BoolVar(&f.version, "version", false, "print the version and exit")
	f.StringToStringVar(&f.features, "feature-gates", nil,
		"upstream's feature gates, NAME=true|false; accepted and not used: what is built is on")
	f.StringVar(&f.Kubeconfig, "kubeconfig", "",
		"kubeconfig file; empty means $KUBECONFIG, or the service account when run in a pod")
	return f
}

// Parse reads args and sets up the log. It answers --help and --version itself
// and then returns an error that Main takes as success.
func (f *Flags) Parse(args []string) error {
	f.SetOutput(f.out)
	err := f.FlagSet.Parse(args)
	switch {
	case err == pflag.ErrHelp:
		fmt.Fprintf(f.out, "%s %s: %s\n\nFlags:\n%s", f.name, Version, f.about, f.FlagUsages())
		return err
	case err != nil:
		return &UsageError{err}
	case f.version:
		fmt.Fprintf(f.out, "Kubernetes %s (slowmo %s)\n", Version, f.name)
		return errDone
	case f.NArg() > 0:
		return Usagef("unexpected argument %q: only flags are taken", strings.Join(f.Args(), " "))
	}
	for gate, value := range f.features {
		if value != "true" && value != "false" {
			return Usagef("--feature-gates: %s=%s is neither true nor false", gate, value)
		}
	}
	setUpLog(os.Stderr)
	return nil
}
