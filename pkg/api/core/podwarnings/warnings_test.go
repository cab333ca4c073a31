package podwarnings

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func TestOf(t *testing.T) {
	for text, want := range map[string][]string{
		`containers: [{name: c, image: i}]`:                                 nil,
		`nodeSelector: {beta.kubernetes.io/os: linux}`:                      {`spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`},
		`volumes: [{name: v, glusterfs: {path: p}}]`:                        {`spec.volumes[0].glusterfs: deprecated in v1.25, non-functional in v1.26+`},
		`imagePullSecrets: [{name: a}, {name: a}]`:                          {`spec.imagePullSecrets[1].name: duplicate name "a"`},
		`containers: [{env: [{name: A}, {name: A}]}]`:                       {`spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`},
		`containers: [{env: [{name: A}, {name: A, value: "$(A):b"}]}]`:      nil,
		`containers: [{ports: [{containerPort: 80}, {containerPort: 80}]}]`: {`spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]`},
		`containers: [{resources: {requests: {memory: 100m}}}]`:             {`spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer`},
	} {
		spec := &corev1.PodSpec{}
		if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
			t.Fatal(err)
		}
		if got := Of(spec, field.NewPath("spec")); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
