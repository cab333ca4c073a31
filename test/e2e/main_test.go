package e2e

import (
	"fmt"
	"os"
	"testing"

	"slowmo/test/live"
)

// bin is where the binaries under test are.
var bin = live.Bin

// shared is the cluster that all tests use.
var shared *live.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run brings the cluster up, runs the tests, takes it down and looks the host over.
func run(m *testing.M) int {
	before := live.HostState()
	var err error
	if shared, err = live.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if out, err := shared.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "slowmo down: %v\n%s\n", err, out)
		code = 1
	}
	for _, line := range live.LeftBehind(before, live.HostState()) {
		fmt.Fprintln(os.Stderr, "slowmo down left behind", line)
		code = 1
	}
	return code
}
