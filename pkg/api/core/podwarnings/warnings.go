// Package podwarnings says what is allowed but unwise in pod specs: mostly
// fields and labels that have been replaced, and lists in which a later entry
// hides an earlier one. Clients print it and go on.
//
// https://kubernetes.io/blog/2020/09/03/warnings/
package podwarnings

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Of returns the warnings about the spec at path.
func Of(spec *corev1.PodSpec, path *field.Path) (out []string) {
	out = append(out, labelWarnings(spec, path)...)
	out = append(out, volumeWarnings(spec.Volumes, path.Child("volumes"))...)
	for i := range spec.InitContainers {
		out = append(out, containerWarnings(&spec.InitContainers[i], path.Child("initContainers").Index(i))...)
	}
	for i := range spec.Containers {
		out = append(out, containerWarnings(&spec.Containers[i], path.Child("containers").Index(i))...)
	}
	secrets := map[string]bool{}
	for i, secret := range spec.ImagePullSecrets {
		at := path.Child("imagePullSecrets").Index(i)
		switch {
		case secret.Name == "":
			out = append(out, fmt.Sprintf("%s: invalid empty name %q", at.Child("name"), secret.Name))
		case secrets[secret.Name]:
			out = append(out, fmt.Sprintf("%s: duplicate name %q", at.Child("name"), secret.Name))
		}
		secrets[secret.Name] = true
	}
	return out
}

// renamedLabels are labels of nodes that have a new name.
var renamedLabels = map[string]string{
	"beta.kubernetes.io/arch":                  corev1.LabelArchStable,
	"beta.kubernetes.io/os":                    corev1.LabelOSStable,
	"beta.kubernetes.io/instance-type":         corev1.LabelInstanceTypeStable,
	"failure-domain.beta.kubernetes.io/region": corev1.LabelTopologyRegion,
	"failure-domain.beta.kubernetes.io/zone":   corev1.LabelTopologyZone,
}

func labelWarnings(spec *corev1.PodSpec, path *field.Path) (out []string) {
	for _, key := range sortedKeys(spec.NodeSelector) {
		if name, ok := renamedLabels[key]; ok {
			out = append(out, fmt.Sprintf("%s: deprecated since v1.14; use %q instead", path.Child("nodeSelector").Key(key), name))
		}
	}
	for i, c := range spec.TopologySpreadConstraints {
		if name, ok := renamedLabels[c.TopologyKey]; ok {
			out = append(out, fmt.Sprintf("%s: %s is deprecated since v1.17; use %q instead", path.Child("topologySpreadConstraints").Index(i).Child("topologyKey"), c.TopologyKey, name))
		}
	}
	return out
}

func volumeWarnings(volumes []corev1.Volume, path *field.Path) (out []string) {
	for i, v := range volumes {
		at := path.Index(i)
		switch {
		case v.GitRepo != nil:
			out = append(out, fmt.Sprintf("%s: deprecated in v1.11, and disabled by default in v1.33+", at.Child("gitRepo")))
		case v.CephFS != nil:
			out = append(out, fmt.Sprintf("%s: deprecated in v1.28, non-functional in v1.31+", at.Child("cephfs")))
		case v.Glusterfs != nil:
			out = append(out, fmt.Sprintf("%s: deprecated in v1.25, non-functional in v1.26+", at.Child("glusterfs")))
		case v.RBD != nil:
			out = append(out, fmt.Sprintf("%s: deprecated in v1.28, non-functional in v1.31+", at.Child("rbd")))
		case v.ScaleIO != nil:
			out = append(out, fmt.Sprintf("%s: deprecated in v1.16, non-functional in v1.22+", at.Child("scaleIO")))
		case v.Flocker != nil:
			out = append(out, fmt.Sprintf("%s: deprecated in v1.22, non-functional in v1.25+", at.Child("flocker")))
		case v.Quobyte != nil:
			out = append(out, fmt.Sprintf("%s: deprecated in v1.22, non-functional in v1.25+", at.Child("quobyte")))
		case v.StorageOS != nil:
			out = append(out, fmt.Sprintf("%s: deprecated in v1.22, non-functional in v1.25+", at.Child("storageOS")))
		}
	}
	return out
}

func containerWarnings(c *corev1.Container, path *field.Path) (out []string) {
	out = append(out, envWarnings(c.Env, path.Child("env"))...)
	for _, list := range []struct {
		name string
		list corev1.ResourceList
	}{{"limits", c.Resources.Limits}, {"requests", c.Resources.Requests}} {
		out = append(out, Fractions(list.list, path.Child("resources", list.name), corev1.ResourceEphemeralStorage, corev1.ResourceMemory)...)
	}
	seen := map[string]int{}
	for i, port := range c.Ports {
		key := fmt.Sprintf("%s/%d/%s/%d", port.Protocol, port.ContainerPort, port.HostIP, port.HostPort)
		if first, ok := seen[key]; ok {
			out = append(out, fmt.Sprintf("%s: duplicate port definition with %s", path.Child("ports").Index(i), path.Child("ports").Index(first)))
			continue
		}
		seen[key] = i
	}
	return out
}

// Fractions finds the amounts of bytes in a list that are not whole. names are
// the resources that are counted in bytes.
func Fractions(list corev1.ResourceList, path *field.Path, names ...corev1.ResourceName) (out []string) {
	for _, name := range names {
		if quantity := list[name]; quantity.MilliValue()%1000 != 0 {
			out = append(out, fmt.Sprintf("%s: fractional byte value %q is invalid, must be an integer", path.Key(string(name)), quantity.String()))
		}
	}
	return out
}

// envWarnings finds variables that a later one of the same name hides, unless
// the later one builds on them.
func envWarnings(vars []corev1.EnvVar, path *field.Path) (out []string) {
	first := map[string]int{}
	for i, v := range vars {
		at, ok := first[v.Name]
		if !ok {
			first[v.Name] = i
			continue
		}
		if !strings.Contains(v.Value, "$("+v.Name+")") {
			out = append(out, fmt.Sprintf("%s: hides previous definition of %q, which may be dropped when using apply", path.Index(i), vars[at].Name))
		}
	}
	return out
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
