package spec

import (
	"fmt"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// Parts are what a container is made of besides its spec.
type Parts struct {
	Restarts int32
	Image    *runtimeapi.Image // as the runtime has it
	Env      []*runtimeapi.KeyValue
	Mounts   []*runtimeapi.Mount
	// MemoryCapacity is the node's, in bytes.
	MemoryCapacity int64
	// TargetID is the container whose processes this one sees; "" for its own.
	TargetID string
}

// Container is the container as the runtime sees it.
func (h *Host) Container(pod *v1.Pod, c *v1.Container, p Parts) (*runtimeapi.ContainerConfig, error) {
	security, err := h.containerSecurity(pod, c, ParseImageUser(p.Image))
	if err != nil {
		return nil, err
	}
	if p.TargetID != "" {
		security.NamespaceOptions.Pid, security.NamespaceOptions.TargetId = runtimeapi.NamespaceMode_TARGET, p.TargetID
	}
	lookup := func(name string) (string, bool) {
		for _, kv := range p.Env {
			if kv.Key == name {
				return string(kv.Value), true
			}
		}
		return "", false
	}
	return &runtimeapi.ContainerConfig{
		Metadata:    &runtimeapi.ContainerMetadata{Name: c.Name, Attempt: uint32(p.Restarts)},
		Image:       &runtimeapi.ImageSpec{Image: p.Image.GetId(), UserSpecifiedImage: c.Image},
		Command:     expandAll(c.Command, lookup),
		Args:        expandAll(c.Args, lookup),
		WorkingDir:  c.WorkingDir,
		Envs:        p.Env,
		Mounts:      p.Mounts,
		Labels:      cri.Labels(pod, c.Name),
		Annotations: cri.ContainerAnnotations(pod, c, p.Restarts),
		LogPath:     LogPath(c.Name, p.Restarts),
		Stdin:       c.Stdin,
		StdinOnce:   c.StdinOnce,
		Tty:         c.TTY,
		Linux: &runtimeapi.LinuxContainerConfig{
			Resources:       Resources(pod, c, p.MemoryCapacity),
			SecurityContext: security,
		},
	}, nil
}

func expandAll(list []string, lookup func(string) (string, bool)) []string {
	var out []string
	for _, s := range list {
		out = append(out, Expand(s, lookup))
	}
	return out
}

// MountSource is where a volume mount's content is on the host.
type MountSource struct {
	Path     string
	ReadOnly bool
}

// Mounts are a container's volumes, in the spec's order, then the files that
// the kubelet provides (hosts file, termination log).
func Mounts(c *v1.Container, sources []MountSource, files []*runtimeapi.Mount) []*runtimeapi.Mount {
	var list []*runtimeapi.Mount
	taken := map[string]bool{}
	for i, m := range c.VolumeMounts {
		path := m.MountPath
		if !filepath.IsAbs(path) {
			path = filepath.Join("/", path)
		}
		taken[path] = true
		list = append(list, &runtimeapi.Mount{
			ContainerPath: path,
			HostPath:      sources[i].Path,
			Readonly:      m.ReadOnly || sources[i].ReadOnly,
			Propagation:   propagation(m.MountPropagation),
		})
	}
	for _, f := range files {
		if !taken[f.ContainerPath] {
			list = append(list, f)
		}
	}
	return list
}

func propagation(p *v1.MountPropagationMode) runtimeapi.MountPropagation {
	if p == nil {
		return runtimeapi.MountPropagation_PROPAGATION_PRIVATE
	}
	switch *p {
	case v1.MountPropagationHostToContainer:
		return runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER
	case v1.MountPropagationBidirectional:
		return runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL
	}
	return runtimeapi.MountPropagation_PROPAGATION_PRIVATE
}

// SubPath is the part of a volume that a mount shows, "" for all of it.
func SubPath(m *v1.VolumeMount, env []*runtimeapi.KeyValue) (string, error) {
	if m.SubPathExpr == "" {
		return m.SubPath, nil
	}
	var unknown string
	path := Expand(m.SubPathExpr, func(name string) (string, bool) {
		for _, kv := range env {
			if kv.Key == name {
				return string(kv.Value), true
			}
		}
		unknown = name
		return "", false
	})
	if unknown != "" {
		return "", fmt.Errorf("subPathExpr %q: variable %s is not set", m.SubPathExpr, unknown)
	}
	return path, nil
}
