// Command kubectl is upstream's kubectl, built from k8s.io/kubectl, so that a
// machine with nothing but Go on it has one. It adds nothing of its own; the
// Makefile stamps the version upstream's release stamps.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"

	// Cloud and OIDC login as kubectl's releases have it.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

func main() {
	// kubectl's errors carry their own wording and exit codes (diff: 1 for
	// differences, exec: the command's code), so CheckErr ends the process.
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
		os.Exit(1)
	}
}
