package images

import (
	"encoding/base64"
	"encoding/json"
	"sort"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// dockerConfig is what image pull secrets hold.
// https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
type dockerConfig map[string]struct {
	Username, Password, Auth string
	IdentityToken            string `json:"identitytoken"`
}

// credentials are those of the secrets that fit an image, the most specific
// registry first.
func credentials(image string, secrets []*v1.Secret) []*runtimeapi.AuthConfig {
	type match struct {
		prefix string
		auth   *runtimeapi.AuthConfig
	}
	var matches []match
	target := fullName(image)
	for _, secret := range secrets {
		for registry, entry := range parseConfig(secret) {
			prefix := registryPrefix(registry)
			if target != prefix && !strings.HasPrefix(target, prefix+"/") {
				continue
			}
			auth := &runtimeapi.AuthConfig{
				Username: entry.Username, Password: entry.Password, IdentityToken: entry.IdentityToken,
			}
			if entry.Auth != "" {
				if raw, err := base64.StdEncoding.DecodeString(entry.Auth); err == nil {
					auth.Username, auth.Password, _ = strings.Cut(string(raw), ":")
				}
			}
			matches = append(matches, match{prefix, auth})
		}
	}
	sort.SliceStable(matches, func(i, j int) bool { return len(matches[i].prefix) > len(matches[j].prefix) })
	var auths []*runtimeapi.AuthConfig
	for _, m := range matches {
		auths = append(auths, m.auth)
	}
	return auths
}

// parseConfig reads a secret of either type; one that is mangled has none.
func parseConfig(secret *v1.Secret) dockerConfig {
	switch secret.Type {
	case v1.SecretTypeDockerConfigJson:
		var file struct{ Auths dockerConfig }
		_ = json.Unmarshal(secret.Data[v1.DockerConfigJsonKey], &file)
		return file.Auths
	case v1.SecretTypeDockercfg:
		var config dockerConfig
		_ = json.Unmarshal(secret.Data[v1.DockerConfigKey], &config)
		return config
	}
	return nil
}

// dockerHub is what images without a host come from, under its several names.
const dockerHub = "docker.io"

func registryPrefix(registry string) string {
	registry = strings.TrimPrefix(strings.TrimPrefix(registry, "https://"), "http://")
	registry = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(registry, "/"), "/v1"), "/v2")
	if registry == "index.docker.io" || registry == "registry-1.docker.io" {
		return dockerHub
	}
	return registry
}

func fullName(image string) string {
	host, _, ok := strings.Cut(image, "/")
	if !ok {
		return dockerHub + "/library/" + repository(image)
	}
	if strings.ContainsAny(host, ".:") || host == "localhost" {
		return host + "/" + repository(image)
	}
	return dockerHub + "/" + repository(image)
}
