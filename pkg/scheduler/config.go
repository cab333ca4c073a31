package scheduler

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/component"
)

// Config is what can be set. NewConfig has upstream's defaults.
type Config struct {
	// SchedulerName is the spec.schedulerName of the pods that are ours.
	SchedulerName string
	// A pod that could not be placed is not tried again before PodInitialBackoff has passed,
	// twice as long after each further attempt, and at most PodMaxBackoff.
	PodInitialBackoff, PodMaxBackoff time.Duration

	// Kubeconfig is the file of the API server's address and our credentials; "" leaves the choice
	// to the command line.
	Kubeconfig string
	Election   *component.Election
}

// NewConfig returns the defaults.
func NewConfig() Config {
	return Config{
		SchedulerName:     "default-scheduler",
		PodInitialBackoff: time.Second,
		PodMaxBackoff:     10 * time.Second,
		Election:          component.NewElection("kube-scheduler"),
	}
}

// Validate says what cannot work.
func (c *Config) Validate() error {
	switch {
	case c.SchedulerName == "":
		return fmt.Errorf("profiles[0].schedulerName must not be empty")
	case c.PodInitialBackoff <= 0:
		return fmt.Errorf("podInitialBackoffSeconds must be greater than 0")
	case c.PodMaxBackoff < c.PodInitialBackoff:
		return fmt.Errorf("podMaxBackoffSeconds must be at least podInitialBackoffSeconds")
	}
	return c.Election.Validate()
}

// file is the part of KubeSchedulerConfiguration that has a meaning here
// (https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/).
type file struct {
	metav1.TypeMeta `json:",inline"`

	ClientConnection struct {
		Kubeconfig string `json:"kubeconfig"`
	} `json:"clientConnection"`
	LeaderElection struct {
		LeaderElect       *bool           `json:"leaderElect"`
		LeaseDuration     metav1.Duration `json:"leaseDuration"`
		RenewDeadline     metav1.Duration `json:"renewDeadline"`
		RetryPeriod       metav1.Duration `json:"retryPeriod"`
		ResourceLock      string          `json:"resourceLock"`
		ResourceName      string          `json:"resourceName"`
		ResourceNamespace string          `json:"resourceNamespace"`
	} `json:"leaderElection"`
	Profiles []struct {
		SchedulerName *string `json:"schedulerName"`
	} `json:"profiles"`
	PodInitialBackoffSeconds *int64 `json:"podInitialBackoffSeconds"`
	PodMaxBackoffSeconds     *int64 `json:"podMaxBackoffSeconds"`
}

// Load overlays a KubeSchedulerConfiguration file. A field that is not supported is an error that
// names it.
func (c *Config) Load(path string) error {
	var f file
	if err := component.ReadConfig(path, "kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration",
		"clientConnection.kubeconfig, leaderElection, profiles[0].schedulerName, podInitialBackoffSeconds and podMaxBackoffSeconds", &f); err != nil {
		return err
	}
	if err := c.overlay(&f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (c *Config) overlay(f *file) error {
	if len(f.Profiles) > 1 {
		return fmt.Errorf("profiles has %d entries; one is supported: run another scheduler for each further name", len(f.Profiles))
	}
	for _, p := range f.Profiles {
		set(&c.SchedulerName, p.SchedulerName)
	}
	setIf(&c.Election.ResourceLock, f.LeaderElection.ResourceLock)
	set(&c.Election.Enabled, f.LeaderElection.LeaderElect)
	setIf(&c.Kubeconfig, f.ClientConnection.Kubeconfig)
	setIf(&c.Election.LeaseDuration, f.LeaderElection.LeaseDuration.Duration)
	setIf(&c.Election.RenewDeadline, f.LeaderElection.RenewDeadline.Duration)
	setIf(&c.Election.RetryPeriod, f.LeaderElection.RetryPeriod.Duration)
	setIf(&c.Election.Name, f.LeaderElection.ResourceName)
	setIf(&c.Election.Namespace, f.LeaderElection.ResourceNamespace)
	if s := f.PodInitialBackoffSeconds; s != nil {
		c.PodInitialBackoff = time.Duration(*s) * time.Second
	}
	if s := f.PodMaxBackoffSeconds; s != nil {
		c.PodMaxBackoff = time.Duration(*s) * time.Second
	}
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func setIf[T comparable](to *T, from T) {
	var zero T
	if from != zero {
		*to = from
	}
}
