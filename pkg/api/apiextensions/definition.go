package apiextensions

import (
	"context"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// CustomResourceDefinition is the resource customresourcedefinitions.
//
// https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/
var CustomResourceDefinition = &api.Resource{
	Group:      apiextensionsv1.GroupName,
	Version:    "v1",
	Kind:       "CustomResourceDefinition",
	Plural:     "customresourcedefinitions",
	Singular:   "customresourcedefinition",
	ShortNames: []string{"crd", "crds"},
	Categories: []string{"api-extensions"},

	StoragePath: "apiextensions.k8s.io/customresourcedefinitions",
	StorageJSON: true,
	// The schema of a big operator has a megabyte. Who may make kinds may do more than that.
	MaxValues: 100000,
	New:       func() api.Object { return &apiextensionsv1.CustomResourceDefinition{} },
	NewList:   func() runtime.Object { return &apiextensionsv1.CustomResourceDefinitionList{} },

	Default: func(obj api.Object) {
		apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(obj.(*apiextensionsv1.CustomResourceDefinition))
	},
	PrepareCreate: func(_ context.Context, obj api.Object) {
		definition := obj.(*apiextensionsv1.CustomResourceDefinition)
		definition.Generation, definition.Status = 1, apiextensionsv1.CustomResourceDefinitionStatus{}
		noteStorageVersion(definition)
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		definition, before := obj.(*apiextensionsv1.CustomResourceDefinition), old.(*apiextensionsv1.CustomResourceDefinition)
		definition.Status = *before.Status.DeepCopy()
		if !equality.Semantic.DeepEqual(before.Spec, definition.Spec) {
			definition.Generation = before.Generation + 1
		}
		noteStorageVersion(definition)
	},
	Versions:       []api.Version{beta},
	Validate:       validateDefinition,
	ValidateUpdate: validateDefinitionUpdate,
	Warnings:       definitionWarnings,

	Subresources: []api.Subresource{
		api.Status(func(_ context.Context, to, from *apiextensionsv1.CustomResourceDefinition) { to.Status = from.Status }, validateDefinitionStatus),
	},
}

// noteStorageVersion remembers in which version objects of the kind may be
// stored from now on.
func noteStorageVersion(definition *apiextensionsv1.CustomResourceDefinition) {
	stored := &definition.Status.StoredVersions
	for _, version := range definition.Spec.Versions {
		if version.Storage {
			if !slices.Contains(*stored, version.Name) {
				*stored = append(*stored, version.Name)
			}
			return
		}
	}
}
