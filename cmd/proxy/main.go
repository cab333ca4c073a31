// Command proxy makes Services reachable on its node; it takes kube-proxy's place.
package main

import (
	"os"

	"slowmo/pkg/component"
	"slowmo/pkg/proxy"
)

func main() { os.Exit(component.Main("kube-proxy", proxy.Main)) }
