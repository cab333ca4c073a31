package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingIsSilentlyIgnored: what is asked for and not supported is answered.
func TestNothingIsSilentlyIgnored(t *testing.T) {
	ours := filepath.Join(bin, "kubectl")
	for _, c := range []struct {
		name, manifest string
		args           []string
		want           string
	}{
		{"unknown kind", "", []string{"get", "--raw", "/apis/apps/v1/nonsense"}, "404"},
		{"unknown kind in a manifest", "apiVersion: apps/v9\nkind: Gadget\nmetadata: {name: x}\n", []string{"apply", "-f", "-"},
			`no matches for kind "Gadget" in version "apps/v9"`},
		{"unknown field, strict", pod("strict", "    image: k8s.gcr.io/echoserver:1.4\n    nonsense: 1\n"), []string{"create", "-f", "-"},
			`unknown field "spec.containers[0].nonsense"`},
		{"invalid value", pod("Bad_Name", "    image: k8s.gcr.io/echoserver:1.4\n"), []string{"create", "-f", "-"},
			`a lowercase RFC 1123 subdomain must consist of`},
		{"not YAML", "{{{", []string{"apply", "-f", "-"}, "error parsing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, stderr, err := try(t, ours, c.manifest, c.args...)
			if err == nil {
				t.Errorf("it was taken: %s", out)
			}
			if !strings.Contains(stderr, c.want) && !(c.want == "404" && strings.Contains(stderr, "could not find the requested resource")) {
				t.Errorf("the error is %q, it should say %q", stderr, c.want)
			}
		})
	}
	t.Run("unknown field, warned of", func(t *testing.T) {
		_, stderr, err := try(t, ours, pod("warned", "    image: k8s.gcr.io/echoserver:1.4\n    nonsense: 1\n"), "create", "--validate=warn", "-f", "-")
		if err != nil || !strings.Contains(stderr, `Warning: unknown field "spec.containers[0].nonsense"`) {
			t.Errorf("%v %q", err, stderr)
		}
		kubectl(t, "delete", "pod", "warned", "--grace-period=1")
	})
	t.Run("unsupported volume", func(t *testing.T) {
		apply(t, pod("iscsi", "    image: k8s.gcr.io/echoserver:1.4\n  volumes:\n  - name: v\n    iscsi: {targetPortal: 1.2.3.4, iqn: iqn.2001-04.com.example:a, lun: 0}\n"))
		eventually(t, "an event says so", func() error {
			return contains(kubectl(t, "get", "events", "--field-selector=involvedObject.name=iscsi"), "FailedMount")
		})
		kubectl(t, "delete", "pod", "iscsi", "--grace-period=1")
	})
	t.Run("image that is nowhere", func(t *testing.T) {
		apply(t, pod("nowhere", "    image: 127.0.0.1:1/nothing:1\n"))
		eventually(t, "an event says so", func() error {
			return contains(kubectl(t, "get", "events", "--field-selector=involvedObject.name=nowhere"), "Failed to pull image")
		})
		kubectl(t, "delete", "pod", "nowhere", "--grace-period=1")
	})
}

// pod is a manifest; container is what stands below its container's name.
func pod(name, container string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name + "\nspec:\n  containers:\n  - name: c\n" + container
}
