package podwarnings

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/containers"
)

func containerWarnings(c *corev1.Container, path *field.Path) (out []string) {
	limits, requests := path.Child("resources", "limits"), path.Child("resources", "requests")
	for _, name := range []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		out = append(out, Fractions(c.Resources.Limits, limits, name)...)
		out = append(out, Fractions(c.Resources.Requests, requests, name)...)
	}
	// A later variable of the same name hides the first, unless it builds on it.
	seen := map[string]bool{}
	for i, v := range c.Env {
		ref := "$(" + v.Name + ")"
		if seen[v.Name] && (v.ValueFrom != nil || v.Value == ref || !strings.Contains(v.Value, ref)) {
			out = append(out, fmt.Sprintf("%s: hides previous definition of %q, which may be dropped when using apply", path.Child("env").Index(i), v.Name))
		}
		seen[v.Name] = true
	}
	return out
}

// port is one of a container, and where it is.
type port struct {
	corev1.ContainerPort
	path *field.Path
}

// portWarnings finds ports that several containers have, or one has twice.
func portWarnings(spec *corev1.PodSpec, path *field.Path) (out []string) {
	seen := map[string][]port{}
	for c, at := range containers.All(spec, path) {
		for i, p := range c.Ports {
			p := port{p, at.Child("ports").Index(i)}
			if p.HostIP != "" && p.HostPort == 0 {
				out = append(out, fmt.Sprintf("%s: hostIP set without hostPort: %+v", p.path, p.ContainerPort))
			}
			key := fmt.Sprintf("%d/%s", p.ContainerPort.ContainerPort, p.Protocol)
			for _, other := range seen[key] {
				if how := p.collides(other); how != "" {
					out = append(out, fmt.Sprintf("%s: %s port definition with %s", p.path, how, other.path))
				}
			}
			seen[key] = append(seen[key], p)
		}
	}
	return out
}

// portNameWarnings finds names that several ports have: only the first is found by its name.
func portNameWarnings(spec *corev1.PodSpec, path *field.Path) (out []string) {
	seen := map[string]*field.Path{}
	for c, at := range containers.All(spec, path) {
		for i, p := range c.Ports {
			at := at.Child("ports").Index(i)
			if p.Name == "" {
				continue
			}
			if other, ok := seen[p.Name]; ok {
				out = append(out, fmt.Sprintf("%s: duplicate port name %q with %s, services and probes that select ports by name will use %s", at, p.Name, other, other))
				continue
			}
			seen[p.Name] = at
		}
	}
	return out
}

// collides says how two ports of the same number are at odds; empty if they are not.
func (p port) collides(other port) string {
	switch {
	case p.HostIP == other.HostIP && p.HostPort == other.HostPort:
		return "duplicate"
	case p.HostPort == 0 || other.HostPort == 0:
		return "overlapping"
	case p.HostPort == other.HostPort && (p.HostIP == "") != (other.HostIP == ""):
		return "dangerously ambiguous"
	}
	return ""
}
