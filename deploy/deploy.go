// Package deploy holds what is deployed beside the programs: configuration of
// other people's tools, and examples to apply.
package deploy

import _ "embed"

// Prometheus is a scrape configuration for a cluster on this machine. Its paths
// are relative to the cluster's root folder.
//
//go:embed prometheus/prometheus.yml
var Prometheus []byte
