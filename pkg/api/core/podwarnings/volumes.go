package podwarnings

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// volumeWarnings finds sources that are no more, and claims to parts of bytes.
func volumeWarnings(volumes []corev1.Volume, path *field.Path) (out []string) {
	for i, v := range volumes {
		at := path.Index(i)
		for _, old := range []struct {
			used          bool
			name, message string
		}{
			{v.PhotonPersistentDisk != nil, "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"},
			{v.GitRepo != nil, "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"},
			{v.ScaleIO != nil, "scaleIO", "deprecated in v1.16, non-functional in v1.22+"},
			{v.Flocker != nil, "flocker", "deprecated in v1.22, non-functional in v1.25+"},
			{v.StorageOS != nil, "storageOS", "deprecated in v1.22, non-functional in v1.25+"},
			{v.Quobyte != nil, "quobyte", "deprecated in v1.22, non-functional in v1.25+"},
			{v.Glusterfs != nil, "glusterfs", "deprecated in v1.25, non-functional in v1.26+"},
			{v.CephFS != nil, "cephfs", "deprecated in v1.28, non-functional in v1.31+"},
			{v.RBD != nil, "rbd", "deprecated in v1.28, non-functional in v1.31+"},
		} {
			if old.used {
				out = append(out, fmt.Sprintf("%s: %s", at.Child(old.name), old.message))
			}
		}
		if v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil {
			out = append(out, Claim(&v.Ephemeral.VolumeClaimTemplate.Spec, at.Child("ephemeral", "volumeClaimTemplate", "spec"))...)
		}
	}
	return out
}

// overlapWarnings finds files of volumes that lie in each other's way.
func overlapWarnings(volumes []corev1.Volume) (out []string) {
	for _, v := range volumes {
		switch {
		case v.ConfigMap != nil:
			out = append(out, overlaps(pathsOf(v.ConfigMap.Items), fmt.Sprintf("volume %q (ConfigMap %q)", v.Name, v.ConfigMap.Name))...)
		case v.Secret != nil:
			out = append(out, overlaps(pathsOf(v.Secret.Items), fmt.Sprintf("volume %q (Secret %q)", v.Name, v.Secret.SecretName))...)
		case v.DownwardAPI != nil:
			out = append(out, overlaps(filesOf(v.DownwardAPI.Items), fmt.Sprintf("volume %q (DownwardAPI)", v.Name))...)
		case v.Projected != nil:
			out = append(out, projectedWarnings(v.Name, v.Projected.Sources)...)
		}
	}
	return out
}

// projectedWarnings looks at each source of a projected volume by itself, and
// then at it together with those before.
func projectedWarnings(volume string, sources []corev1.VolumeProjection) (out []string) {
	before := sets.New[string]()
	for _, s := range sources {
		if s == (corev1.VolumeProjection{}) {
			out = append(out, fmt.Sprintf("volume %q (Projected) has no sources provided", volume))
			continue
		}
		what, paths := projection(&s)
		what = fmt.Sprintf("volume %q (Projected %s)", volume, what)
		own := sets.New(paths...)
		out = append(out, overlaps(paths, what)...)
		out = append(out, overlaps(slices.Sorted(slices.Values(append(own.UnsortedList(), before.UnsortedList()...))), what)...)
		before = before.Union(own)
	}
	return out
}

// projection names a source and the files that it makes.
func projection(s *corev1.VolumeProjection) (what string, paths []string) {
	switch {
	case s.ConfigMap != nil:
		return fmt.Sprintf("ConfigMap %q", s.ConfigMap.Name), pathsOf(s.ConfigMap.Items)
	case s.Secret != nil:
		return fmt.Sprintf("Secret %q", s.Secret.Name), pathsOf(s.Secret.Items)
	case s.DownwardAPI != nil:
		return "DownwardAPI", filesOf(s.DownwardAPI.Items)
	case s.ServiceAccountToken != nil:
		return "ServiceAccountToken", []string{s.ServiceAccountToken.Path}
	case s.ClusterTrustBundle != nil:
		name := s.ClusterTrustBundle.Name
		if name == nil {
			name = s.ClusterTrustBundle.SignerName
		}
		if name == nil {
			return "", nil
		}
		return fmt.Sprintf("ClusterTrustBundle %q", *name), []string{s.ClusterTrustBundle.Path}
	}
	return "", nil
}

func pathsOf(items []corev1.KeyToPath) (paths []string) {
	for _, item := range items {
		paths = append(paths, item.Path)
	}
	return paths
}

func filesOf(items []corev1.DownwardAPIVolumeFile) (paths []string) {
	for _, item := range items {
		paths = append(paths, item.Path)
	}
	return paths
}

// overlaps finds paths of which one is the other, or leads through it.
func overlaps(paths []string, what string) (out []string) {
	var seen []string
	for _, path := range paths {
		path = strings.TrimRight(path, "/")
		for _, other := range seen {
			if path != "" && other != "" && (strings.HasPrefix(other+"/", path) || strings.HasPrefix(path+"/", other)) {
				out = append(out, fmt.Sprintf("%s: overlapping paths: %q with %q", what, path, other))
				break
			}
		}
		if !slices.Contains(seen, path) {
			seen = append(seen, path)
		}
	}
	return out
}
