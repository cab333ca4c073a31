package apiextensions

import (
	"encoding/json"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// beta reads definitions in the form in which kube-apiserver still stores them,
// because it takes less room: what all versions have in common stands once.
var beta = api.Version{
	Group: apiextensionsv1.GroupName, Version: "v1beta1", Hidden: true,
	New: func() api.Object { return &betaDefinition{} },
	From: func(stored api.Object) (api.Object, error) {
		return &stored.(*betaDefinition).CustomResourceDefinition, nil
	},
}

// betaDefinition is a definition that is read from that form.
type betaDefinition struct {
	apiextensionsv1.CustomResourceDefinition
}

// betaSpec are the fields of the older form that the newer one has elsewhere.
type betaSpec struct {
	Version               string `json:"version"`
	PreserveUnknownFields *bool  `json:"preserveUnknownFields"`

	Schema           *apiextensionsv1.CustomResourceValidation        `json:"validation"`
	Subresources     *apiextensionsv1.CustomResourceSubresources      `json:"subresources"`
	Columns          []apiextensionsv1.CustomResourceColumnDefinition `json:"additionalPrinterColumns"` // their JSONPath is written like this
	SelectableFields []apiextensionsv1.SelectableField                `json:"selectableFields"`

	Conversion struct {
		ClientConfig   *apiextensionsv1.WebhookClientConfig `json:"webhookClientConfig"`
		ReviewVersions []string                             `json:"conversionReviewVersions"`
	} `json:"conversion"`
}

// UnmarshalJSON reads what the two forms have in common, and puts the rest where
// it belongs in the newer one.
func (d *betaDefinition) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &d.CustomResourceDefinition); err != nil {
		return err
	}
	var old struct {
		Spec betaSpec `json:"spec"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return err
	}
	spec := &d.Spec
	spec.PreserveUnknownFields = ptr.Deref(old.Spec.PreserveUnknownFields, true)
	if len(spec.Versions) == 0 && old.Spec.Version != "" {
		spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Name: old.Spec.Version, Served: true, Storage: true}}
	}
	for i := range spec.Versions {
		old.Spec.share(&spec.Versions[i])
	}
	if hook := old.Spec.Conversion; spec.Conversion != nil && (hook.ClientConfig != nil || len(hook.ReviewVersions) > 0) {
		spec.Conversion.Webhook = &apiextensionsv1.WebhookConversion{ClientConfig: hook.ClientConfig, ConversionReviewVersions: hook.ReviewVersions}
	}
	return nil
}

// share gives a version what it has in common with the others.
func (s *betaSpec) share(version *apiextensionsv1.CustomResourceDefinitionVersion) {
	if version.Schema == nil {
		version.Schema = s.Schema.DeepCopy()
	}
	if version.Subresources == nil {
		version.Subresources = s.Subresources.DeepCopy()
	}
	if len(version.AdditionalPrinterColumns) == 0 {
		version.AdditionalPrinterColumns = append(version.AdditionalPrinterColumns, s.Columns...)
	}
	if len(version.SelectableFields) == 0 {
		version.SelectableFields = append(version.SelectableFields, s.SelectableFields...)
	}
}
