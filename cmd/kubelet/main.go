// Command kubelet runs the pods that are bound to this node.
package main

import (
	"os"

	"slowmo/pkg/component"
	"slowmo/pkg/kubelet"
)

func main() { os.Exit(component.Main("kubelet", kubelet.Run)) }
