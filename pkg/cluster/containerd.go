package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"slowmo/pkg/pki"
)

// Our own containerd: its own root, state and socket, so that one that is there
// already, with whatever runs in it, is not touched.

// containerd is the process's name.
const containerd = "containerd"

// SandboxImage is what holds a pod's namespaces.
const SandboxImage = "registry.k8s.io/pause:3.10"

// containerdConfig is in version 2 of the format, which containerd 1.6 needs
// and 2.x understands.
//
//   - Network namespaces and runc's state lie under the state folder: what is
//     there is ours, which makes it possible to clean up without asking.
//   - cgroups are made directly, under systemd as well: one way for all hosts.
//   - registry.config_path points at a folder of our own. An empty one means that
//     registries are found by their names, those on loopback over plain HTTP.
var containerdConfig = template.Must(template.New("containerd").Parse(`# Written by slowmo at every start.
version = 2
root = {{printf "%q" .Root}}
state = {{printf "%q" .State}}

[grpc]
  address = {{printf "%q" .Socket}}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {{printf "%q" .SandboxImage}}
  restrict_oom_score_adj = {{.RestrictOOM}}
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {{printf "%q" .CNIBin}}
    conf_dir = {{printf "%q" .CNIConf}}

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = {{printf "%q" .Registries}}

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = {{printf "%q" .Snapshotter}}
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = {{printf "%q" .Runc}}
        Root = {{printf "%q" .RuncRoot}}
        SystemdCgroup = false
`))

// startRuntime starts our containerd and returns when pods can be asked for.
func (c *Cluster) startRuntime(ctx context.Context, s *supervisor) error {
	process, err := containerdProcess(c.config.Paths, c.host)
	if err != nil {
		return err
	}
	if err := s.start(ctx, process); err != nil {
		return err
	}
	return runtimeAnswers(ctx, c.config.ContainerdSocket())
}

// containerdProcess writes the configuration and returns how to start it.
func containerdProcess(paths Paths, host Host) (Process, error) {
	config := filepath.Join(paths.Containerd(), "config.toml")
	registries := filepath.Join(paths.Containerd(), "certs.d")
	for _, dir := range []string{registries, paths.CNI(), paths.ContainerdState()} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return Process{}, err
		}
	}
	var text bytes.Buffer
	err := containerdConfig.Execute(&text, map[string]any{
		"Root":         filepath.Join(paths.Containerd(), "root"),
		"State":        paths.ContainerdState(),
		"Socket":       paths.ContainerdSocket(),
		"SandboxImage": SandboxImage,
		"RestrictOOM":  host.RestrictOOM,
		"CNIBin":       host.CNIBin,
		"CNIConf":      paths.CNI(),
		"Registries":   registries,
		"Snapshotter":  host.Snapshotter,
		"Runc":         host.Runc,
		"RuncRoot":     filepath.Join(paths.Run, "runc"),
	})
	if err != nil {
		return Process{}, fmt.Errorf("containerd's configuration: %w", err)
	}
	if err := pki.WriteFile(config, text.Bytes(), 0o644); err != nil {
		return Process{}, err
	}
	return Process{
		Name:   containerd,
		Args:   []string{host.Containerd, "--config", config},
		Log:    paths.Log(containerd),
		Notify: paths.notify(containerd),
		Grace:  10 * time.Second,
	}, nil
}
