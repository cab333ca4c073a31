// Command apiserver serves the Kubernetes API, with its own etcd inside.
package main

import (
	"os"

	"slowmo/pkg/apiserver"
	"slowmo/pkg/component"
)

func main() { os.Exit(component.Main("kube-apiserver", apiserver.Main)) }
