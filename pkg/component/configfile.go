package component

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// ReadConfig fills into from a component's configuration file, YAML or JSON of
// that apiVersion and kind. A field that into does not have is an error, which
// names it and says by reads what can be given: nothing is silently ignored.
func ReadConfig(path, apiVersion, kind, reads string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(text, &head); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if head.APIVersion != apiVersion || head.Kind != kind {
		return fmt.Errorf("%s: it is %q of %q; write kind: %s and apiVersion: %s", path, head.Kind, head.APIVersion, kind, apiVersion)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return fmt.Errorf("%s: %w; of %s %s are read: remove the rest", path, err, kind, reads)
	}
	return nil
}
