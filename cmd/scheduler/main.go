// Command scheduler binds pending pods to nodes; it takes kube-scheduler's place.
package main

import (
	"os"

	"slowmo/pkg/component"
	"slowmo/pkg/scheduler"
)

func main() { os.Exit(component.Main("kube-scheduler", scheduler.Main)) }
