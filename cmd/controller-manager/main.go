// Command controller-manager runs the control loops of the cluster.
package main

import (
	"os"

	"slowmo/pkg/component"
	"slowmo/pkg/controller"
)

func main() { os.Exit(component.Main(controller.Name, controller.Run)) }
