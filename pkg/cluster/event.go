package cluster

import "time"

// Kind is what an Event says of its step.
type Kind string

const (
	Begun     Kind = "Begun"     // the step has begun
	Done      Kind = "Done"      // the step is done; for a process: it is ready
	Failed    Kind = "Failed"    // the step failed, and with it the start of the cluster
	Restarted Kind = "Restarted" // a process that was ready died
	Stopped   Kind = "Stopped"   // a process was stopped
)

// ClusterStep is the step that stands for all: Done when the cluster is ready,
// Failed when it will not be, and in both cases the last event of a start.
const ClusterStep = "cluster"

// Event is one piece of progress.
type Event struct {
	Step string        `json:"step"`
	Kind Kind          `json:"kind"`
	Took time.Duration `json:"took,omitempty"` // with Done and Stopped
	Text string        `json:"text,omitempty"`
}
