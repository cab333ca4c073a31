package podwarnings

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// file is one that a volume makes of an object, and of which object where
// several make one volume.
type file struct{ path, source string }

func (f file) String() string {
	if f.source == "" {
		return fmt.Sprintf("%q", f.path)
	}
	return fmt.Sprintf("%q (%s)", f.path, f.source)
}

// overlapWarnings finds files of volumes that lie in each other's way.
func overlapWarnings(volumes []corev1.Volume) (out []string) {
	for _, v := range volumes {
		switch {
		case v.ConfigMap != nil:
			out = append(out, overlaps(itemsOf(v.ConfigMap.Items, ""), v.Name, fmt.Sprintf("ConfigMap %q", v.ConfigMap.Name))...)
		case v.Secret != nil:
			out = append(out, overlaps(itemsOf(v.Secret.Items, ""), v.Name, fmt.Sprintf("Secret %q", v.Secret.SecretName))...)
		case v.DownwardAPI != nil:
			out = append(out, overlaps(filesOf(v.DownwardAPI.Items, ""), v.Name, "DownwardAPI")...)
		case v.Projected != nil:
			var all []file
			for i := range v.Projected.Sources {
				if v.Projected.Sources[i] == (corev1.VolumeProjection{}) {
					out = append(out, fmt.Sprintf("volume %q (Projected) has no sources provided", v.Name))
				}
				all = append(all, projected(&v.Projected.Sources[i])...)
			}
			out = append(out, overlaps(all, v.Name, "Projected")...)
		}
	}
	return out
}

// projected returns the files of one source of a projected volume.
func projected(s *corev1.VolumeProjection) []file {
	switch {
	case s.ConfigMap != nil && s.ConfigMap.Items != nil:
		return itemsOf(s.ConfigMap.Items, fmt.Sprintf("ConfigMap %q", s.ConfigMap.Name))
	case s.Secret != nil && s.Secret.Items != nil:
		return itemsOf(s.Secret.Items, fmt.Sprintf("Secret %q", s.Secret.Name))
	case s.DownwardAPI != nil && s.DownwardAPI.Items != nil:
		return filesOf(s.DownwardAPI.Items, "DownwardAPI")
	case s.ServiceAccountToken != nil:
		return []file{{s.ServiceAccountToken.Path, "ServiceAccountToken"}}
	case s.ClusterTrustBundle != nil:
		name := s.ClusterTrustBundle.Name
		if name == nil {
			name = s.ClusterTrustBundle.SignerName
		}
		if name == nil {
			return nil
		}
		return []file{{s.ClusterTrustBundle.Path, fmt.Sprintf("ClusterTrustBundle %q", *name)}}
	case s.PodCertificate != nil:
		files := []file{{s.PodCertificate.CertificateChainPath, "PodCertificate chain"},
			{s.PodCertificate.KeyPath, "PodCertificate key"},
			{s.PodCertificate.CredentialBundlePath, "PodCertificate credential bundle"}}
		return slices.DeleteFunc(files, func(f file) bool { return f.path == "" })
	}
	return nil
}

func itemsOf(items []corev1.KeyToPath, source string) (files []file) {
	for _, item := range items {
		files = append(files, file{item.Path, source})
	}
	return files
}

func filesOf(items []corev1.DownwardAPIVolumeFile, source string) (files []file) {
	for _, item := range items {
		files = append(files, file{item.Path, source})
	}
	return files
}

// overlaps finds files of which one is the other, or is within it.
func overlaps(files []file, volume, what string) (out []string) {
	within := func(path, other string) bool { return strings.HasPrefix(path+"/", other+"/") }
	for i := range files {
		files[i].path = strings.TrimRight(files[i].path, "/")
		for _, other := range files[:i] {
			path := files[i].path
			if path != "" && other.path != "" && (within(path, other.path) || within(other.path, path)) {
				out = append(out, fmt.Sprintf("volume %q (%s): overlapping paths: %s with %s", volume, what, files[i], other))
			}
		}
	}
	return out
}
