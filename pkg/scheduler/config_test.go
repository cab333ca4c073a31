package scheduler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	const head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
	for _, c := range []struct{ name, text, err string }{
		{"all that is read", head + "profiles: [{schedulerName: mine}]\npodInitialBackoffSeconds: 3\nleaderElection: {leaderElect: false}\n", ""},
		{"plugins", head + "profiles: [{schedulerName: mine, plugins: {}}]\n", `unknown field "plugins"`},
		{"two profiles", head + "profiles: [{schedulerName: a}, {schedulerName: b}]\n", "profiles has 2 entries"},
		{"another kind", "apiVersion: v1\nkind: Pod\n", `it is "Pod" of "v1"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			config := NewConfig()
			err := config.Load(path)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v, want %q", err, c.err)
			}
			if c.err == "" && (config.SchedulerName != "mine" || config.PodInitialBackoff != 3*time.Second || config.Election.Enabled) {
				t.Errorf("got %+v", config)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for want, edit := range map[string]func(*Config){
		"podMaxBackoffSeconds":     func(c *Config) { c.PodMaxBackoff = time.Millisecond },
		"podInitialBackoffSeconds": func(c *Config) { c.PodInitialBackoff = 0 },
		"schedulerName":            func(c *Config) { c.SchedulerName = "" },
		"renew-deadline":           func(c *Config) { c.Election.RenewDeadline = time.Minute },
	} {
		config := NewConfig()
		edit(&config)
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
