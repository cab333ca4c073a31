package tracing

import (
	"fmt"
	"os"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/component/tracing"
)

var versions = []string{"apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1", "apiserver.config.k8s.io/v1alpha1"}

// ReadConfig reads and checks a TracingConfiguration.
//
// https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/#apiserver-config-k8s-io-v1-TracingConfiguration
func ReadConfig(path string) (tracing.Config, error) {
	var file struct {
		metav1.TypeMeta
		tracing.Config
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return file.Config, err
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return file.Config, fmt.Errorf("%s is no tracing configuration: %s: give endpoint and samplingRatePerMillion",
			path, strings.Join(strings.Fields(err.Error()), " "))
	}
	if file.Kind != "TracingConfiguration" || !slices.Contains(versions, file.APIVersion) {
		return file.Config, fmt.Errorf("%s is a %q of %q: give a TracingConfiguration of %s", path, file.Kind, file.APIVersion, versions[0])
	}
	if errs := file.Validate(nil); len(errs) > 0 {
		return file.Config, fmt.Errorf("%s: %w", path, errs.ToAggregate())
	}
	return file.Config, nil
}
