package apiextensions

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// internal returns a definition in upstream's form of it.
func internal(obj api.Object) (*apiextensions.CustomResourceDefinition, error) {
	definition := &apiextensions.CustomResourceDefinition{}
	// The conversion shares parts of its source, which it may change.
	source := obj.DeepCopyObject().(*apiextensionsv1.CustomResourceDefinition)
	err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(source, definition, nil)
	return definition, err
}

// checked converts a definition and validates it.
func checked(obj api.Object, validate func(*apiextensions.CustomResourceDefinition) field.ErrorList) field.ErrorList {
	definition, err := internal(obj)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	return validate(definition)
}

func validateDefinition(obj api.Object) field.ErrorList {
	return checked(obj, func(definition *apiextensions.CustomResourceDefinition) field.ErrorList {
		errs := validateName(definition)
		errs = append(errs, (&check{lenience: lenience{badBundle: true}}).definition(definition)...)
		errs = append(errs, validateApproval(definition, nil)...)
		if ptr.Deref(definition.Spec.PreserveUnknownFields, false) {
			errs = append(errs, preserves(definition))
		}
		return errs
	})
}

// validateName checks that the name says what the definition is about.
func validateName(definition *apiextensions.CustomResourceDefinition) (errs field.ErrorList) {
	meta, want := field.NewPath("metadata"), definition.Spec.Names.Plural+"."+definition.Spec.Group
	for _, part := range []struct{ name, value string }{{"generateName", definition.GenerateName}, {"name", definition.Name}} {
		if part.value != "" && part.value != want {
			errs = append(errs, field.Invalid(meta.Child(part.name), part.value, `must be spec.names.plural+"."+spec.group`))
		}
	}
	return errs
}

func validateDefinitionUpdate(obj, old api.Object) field.ErrorList {
	before, err := internal(old)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	return checked(obj, func(definition *apiextensions.CustomResourceDefinition) field.ErrorList {
		c := &check{lenience: lenienceFor(definition, before)}
		errs := c.spec(&definition.Spec, field.NewPath("spec"))
		errs = append(errs, validateFixed(definition, before)...)
		errs = append(errs, c.status(definition)...)
		errs = append(errs, validateApproval(definition, before)...)
		if ptr.Deref(definition.Spec.PreserveUnknownFields, false) && !ptr.Deref(before.Spec.PreserveUnknownFields, false) {
			errs = append(errs, preserves(definition))
		}
		return errs
	})
}

func preserves(definition *apiextensions.CustomResourceDefinition) *field.Error {
	return field.Invalid(field.NewPath("spec", "preserveUnknownFields"), definition.Spec.PreserveUnknownFields,
		"cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead")
}

func validateDefinitionStatus(obj, _ api.Object) field.ErrorList {
	return checked(obj, func(definition *apiextensions.CustomResourceDefinition) field.ErrorList {
		return validateNames(&definition.Status.AcceptedNames, field.NewPath("status", "acceptedNames"))
	})
}

// validateFixed checks what objects of the kind are stored by.
func validateFixed(definition, before *apiextensions.CustomResourceDefinition) (errs field.ErrorList) {
	path, spec, old := field.NewPath("spec"), &definition.Spec, &before.Spec
	if apiextensions.IsCRDConditionTrue(before, apiextensions.Established) {
		errs = append(errs, apivalidation.ValidateImmutableField(spec.Scope, old.Scope, path.Child("scope"))...)
		errs = append(errs, apivalidation.ValidateImmutableField(spec.Names.Kind, old.Names.Kind, path.Child("names", "kind"))...)
	}
	errs = append(errs, apivalidation.ValidateImmutableField(spec.Group, old.Group, path.Child("group"))...)
	return append(errs, apivalidation.ValidateImmutableField(spec.Names.Plural, old.Names.Plural, path.Child("names", "plural"))...)
}

// check validates one definition.
type check struct {
	lenience
	// structural says that schemas must be structural, as all but old ones are.
	structural bool
}

func (c *check) definition(definition *apiextensions.CustomResourceDefinition) field.ErrorList {
	return append(c.spec(&definition.Spec, field.NewPath("spec")), c.status(definition)...)
}

func (c *check) status(definition *apiextensions.CustomResourceDefinition) field.ErrorList {
	path := field.NewPath("status")
	errs := validateNames(&definition.Status.AcceptedNames, path.Child("acceptedNames"))
	return append(errs, validateStoredVersions(definition.Status.StoredVersions, definition.Spec.Versions, path.Child("storedVersions"))...)
}

// validateStoredVersions checks that a definition has each version in which an
// object may be stored.
func validateStoredVersions(stored []string, versions []apiextensions.CustomResourceDefinitionVersion, path *field.Path) (errs field.ErrorList) {
	if len(stored) == 0 {
		return field.ErrorList{field.Invalid(path, stored, "must have at least one stored version")}
	}
	var names []string
	for _, version := range versions {
		names = append(names, version.Name)
		if version.Storage && !slices.Contains(stored, version.Name) {
			errs = append(errs, field.Invalid(path, stored, "must have the storage version "+version.Name))
		}
	}
	for i, name := range stored {
		if !slices.Contains(names, name) {
			errs = append(errs, field.Invalid(path.Index(i), name, fmt.Sprintf("missing from spec.versions; %[1]s was previously a storage version, "+
				"and must remain in spec.versions until a storage migration ensures no data remains persisted in %[1]s and removes %[1]s from status.storedVersions", name)))
		}
	}
	return errs
}

func (c *check) spec(spec *apiextensions.CustomResourceDefinitionSpec, path *field.Path) field.ErrorList {
	errs := validateGroup(spec.Group, path.Child("group"))
	errs = append(errs, oneOf(string(spec.Scope), path.Child("scope"), string(apiextensions.ClusterScoped), string(apiextensions.NamespaceScoped))...)
	errs = append(errs, c.schemasThere(spec, path)...)
	errs = append(errs, c.versions(spec, path)...)
	errs = append(errs, validateRequiredNames(&spec.Names, path.Child("names"))...)
	errs = append(errs, validateNames(&spec.Names, path.Child("names"))...)
	errs = append(errs, c.common(spec, path)...)
	keepsUnknown := spec.PreserveUnknownFields == nil || *spec.PreserveUnknownFields
	if conversion := spec.Conversion; conversion != nil {
		if conversion.Strategy != apiextensions.NoneConverter && keepsUnknown {
			errs = append(errs, field.Invalid(path.Child("conversion", "strategy"), conversion.Strategy, "must be None if spec.preserveUnknownFields is true"))
		}
		errs = append(errs, c.conversion(conversion, path.Child("conversion"))...)
	}
	return errs
}

func validateGroup(group string, path *field.Path) field.ErrorList {
	if group == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if problems := validation.IsDNS1123Subdomain(group); len(problems) > 0 {
		return field.ErrorList{field.Invalid(path, group, strings.Join(problems, ","))}
	}
	if !strings.Contains(group, ".") {
		return field.ErrorList{field.Invalid(path, group, "should be a domain with at least one dot")}
	}
	return nil
}

// oneOf checks a word that is required and must be one of those.
func oneOf(value string, path *field.Path, allowed ...string) field.ErrorList {
	switch {
	case value == "":
		return field.ErrorList{field.Required(path, "")}
	case slices.Contains(allowed, value):
		return nil
	default:
		return field.ErrorList{field.NotSupported(path, value, allowed)}
	}
}

// schemasThere checks that there are schemas, and finds out whether they must be
// structural.
func (c *check) schemasThere(spec *apiextensions.CustomResourceDefinitionSpec, path *field.Path) (errs field.ErrorList) {
	prunes := !ptr.Deref(spec.PreserveUnknownFields, false)
	c.structural = prunes || !c.unstructured
	if spec.Validation == nil || spec.Validation.OpenAPIV3Schema == nil {
		for i, version := range spec.Versions {
			path := path.Child("versions").Index(i).Child("schema", "openAPIV3Schema")
			switch {
			case version.Schema != nil && version.Schema.OpenAPIV3Schema != nil:
			case !c.noSchema:
				errs = append(errs, field.Required(path, ""))
			case prunes && version.Served:
				errs = append(errs, field.Required(path, "because otherwise all fields are pruned"))
			}
		}
	}
	if anySchema(spec, func(s *apiextensions.JSONSchemaProps) bool { return s.Default != nil }) {
		c.structural = true
		if spec.PreserveUnknownFields == nil || *spec.PreserveUnknownFields {
			errs = append(errs, field.Invalid(path.Child("preserveUnknownFields"), true, "must be false in order to use defaults in the schema"))
		}
	}
	c.structural = c.structural || anySchema(spec, isExtended)
	return errs
}

// isExtended reports whether a schema says something that only Kubernetes understands.
func isExtended(s *apiextensions.JSONSchemaProps) bool {
	return s.XEmbeddedResource || s.XPreserveUnknownFields != nil || s.XIntOrString || len(s.XListMapKeys) > 0 || s.XListType != nil || len(s.XValidations) > 0
}

func (c *check) versions(spec *apiextensions.CustomResourceDefinitionSpec, path *field.Path) (errs field.ErrorList) {
	versions := path.Child("versions")
	stored, twice := 0, false
	names := map[string]bool{}
	for i := range spec.Versions {
		version, path := &spec.Versions[i], versions.Index(i)
		if version.Storage {
			stored++
		}
		twice = twice || names[version.Name]
		names[version.Name] = true
		if problems := validation.IsDNS1035Label(version.Name); len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Child("name"), version.Name, strings.Join(problems, ",")))
		}
		errs = append(errs, c.version(version, hasStatus(subresourcesOf(spec, version.Name)), path)...)
	}
	if twice {
		errs = append(errs, field.Invalid(versions, spec.Versions, "must contain unique version names"))
	}
	if stored != 1 {
		errs = append(errs, field.Invalid(versions, spec.Versions, "must have exactly one version marked as storage version"))
	}
	if problems := validation.IsDNS1035Label(spec.Version); spec.Version != "" && len(problems) > 0 {
		errs = append(errs, field.Invalid(path.Child("version"), spec.Version, strings.Join(problems, ",")))
	}
	return errs
}

func validateRequiredNames(names *apiextensions.CustomResourceDefinitionNames, path *field.Path) (errs field.ErrorList) {
	for _, part := range []struct{ name, value string }{
		{"plural", names.Plural}, {"singular", names.Singular}, {"kind", names.Kind}, {"listKind", names.ListKind},
	} {
		if part.value == "" {
			errs = append(errs, field.Required(path.Child(part.name), ""))
		}
	}
	return errs
}

func validateNames(names *apiextensions.CustomResourceDefinitionNames, path *field.Path) (errs field.ErrorList) {
	label := func(value string, path *field.Path) {
		if problems := validation.IsDNS1035Label(value); value != "" && len(problems) > 0 {
			errs = append(errs, field.Invalid(path, value, strings.Join(problems, ",")))
		}
	}
	kind := func(value string, path *field.Path) {
		if problems := validation.IsDNS1035Label(strings.ToLower(value)); value != "" && len(problems) > 0 {
			errs = append(errs, field.Invalid(path, value, "may have mixed case, but should otherwise match: "+strings.Join(problems, ",")))
		}
	}
	labels := func(values []string, path *field.Path) {
		for i, value := range values {
			if problems := validation.IsDNS1035Label(value); len(problems) > 0 {
				errs = append(errs, field.Invalid(path.Index(i), value, strings.Join(problems, ",")))
			}
		}
	}
	label(names.Plural, path.Child("plural"))
	label(names.Singular, path.Child("singular"))
	kind(names.Kind, path.Child("kind"))
	kind(names.ListKind, path.Child("listKind"))
	labels(names.ShortNames, path.Child("shortNames"))
	if names.Kind != "" && names.Kind == names.ListKind {
		errs = append(errs, field.Invalid(path.Child("listKind"), names.ListKind, "kind and listKind may not be the same"))
	}
	labels(names.Categories, path.Child("categories"))
	return errs
}

// validateApproval checks that a kind in a group of the community's was approved.
// A definition that stays as it is in this is not asked again.
//
// https://github.com/kubernetes/enhancements/pull/1111
func validateApproval(definition, before *apiextensions.CustomResourceDefinition) field.ErrorList {
	group := "." + definition.Spec.Group
	if !strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".kubernetes.io") {
		return nil
	}
	state := approvalOf(definition)
	if before != nil && approvalOf(before) == state {
		return nil
	}
	const key, see = apiextensionsv1.KubeAPIApprovedAnnotation, "see https://github.com/kubernetes/enhancements/pull/1111"
	path := field.NewPath("metadata", "annotations").Key(key)
	switch state {
	case approvalMissing:
		return field.ErrorList{field.Required(path, fmt.Sprintf("protected groups must have approval annotation %q, %s", key, see))}
	case approvalInvalid:
		return field.ErrorList{field.Invalid(path, definition.Annotations[key],
			fmt.Sprintf("protected groups must have approval annotation %q with either a URL or a reason starting with \"unapproved\", %s", key, see))}
	}
	return nil
}

// approval is what the annotation says.
type approval int

const (
	approvalMissing approval = iota
	approvalInvalid
	approvalBypassed
	approved
)

func approvalOf(definition *apiextensions.CustomResourceDefinition) approval {
	text := definition.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]
	u, err := url.ParseRequestURI(text)
	switch {
	case text == "":
		return approvalMissing
	case strings.HasPrefix(text, "unapproved"):
		return approvalBypassed
	case err == nil && u.Host != "" && u.Scheme != "":
		return approved
	default:
		return approvalInvalid
	}
}
