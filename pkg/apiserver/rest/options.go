package rest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	listvalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/storage"
)

// What the query parameters ask for. Each reader checks what it reads, in
// upstream's words.

// badRequest makes a 400 of an error in a parameter.
func badRequest(err error) error {
	if err == nil {
		return nil
	}
	return apierrors.NewBadRequest(err.Error())
}

// invalidOptions makes a 422 of errors in the options of a write.
func invalidOptions(kind string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: kind}, "", errs)
}

func (c *call) createOptions() (*metav1.CreateOptions, error) {
	query, options := c.r.URL.Query(), &metav1.CreateOptions{}
	if err := metav1.Convert_url_Values_To_v1_CreateOptions(&query, options, nil); err != nil {
		return nil, badRequest(err)
	}
	options.TypeMeta = optionsType("CreateOptions")
	return options, invalidOptions("CreateOptions", validation.ValidateCreateOptions(options))
}

func (c *call) updateOptions() (*metav1.UpdateOptions, error) {
	query, options := c.r.URL.Query(), &metav1.UpdateOptions{}
	if err := metav1.Convert_url_Values_To_v1_UpdateOptions(&query, options, nil); err != nil {
		return nil, badRequest(err)
	}
	options.TypeMeta = optionsType("UpdateOptions")
	return options, invalidOptions("UpdateOptions", validation.ValidateUpdateOptions(options))
}

func optionsType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{Kind: kind, APIVersion: "meta.k8s.io/v1"}
}

func (c *call) tableOptions() (*metav1.TableOptions, error) {
	query, options := c.r.URL.Query(), &metav1.TableOptions{}
	if err := metav1.Convert_url_Values_To_v1_TableOptions(&query, options, nil); err != nil {
		return nil, badRequest(err)
	}
	if errs := validation.ValidateTableOptions(options); len(errs) > 0 {
		return nil, apierrors.NewBadRequest("Unable to convert to Table as requested: " + errs.ToAggregate().Error())
	}
	return options, nil
}

// manager names who owns the fields that a write sets: what the client says,
// else its program.
func (c *call) manager(fieldManager string) string {
	if fieldManager != "" {
		return fieldManager
	}
	agent, _, _ := strings.Cut(c.r.UserAgent(), "/")
	var out strings.Builder
	for _, char := range agent {
		if unicode.IsPrint(char) && out.Len()+len(string(char)) <= validation.FieldManagerMaxLength {
			out.WriteRune(char)
		}
	}
	return out.String()
}

func dryRun(values []string) bool { return slices.Contains(values, metav1.DryRunAll) }

// revision reads a resourceVersion: empty is what present means, which the
// caller chooses; "0" is whatever the cache has.
func revision(value string, present int64) (int64, error) {
	if value == "" {
		return present, nil
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		errs := field.ErrorList{field.Invalid(field.NewPath("resourceVersion"), value, err.Error())}
		return 0, errs.ToAggregate()
	}
	return int64(min(n, math.MaxInt64)), nil
}

// listOptions reads the parameters of list, watch and deletecollection.
func (c *call) listOptions() (*internalversion.ListOptions, error) {
	query, v1 := c.r.URL.Query(), &metav1.ListOptions{}
	if err := metav1.Convert_url_Values_To_v1_ListOptions(&query, v1, nil); err != nil {
		return nil, badRequest(err)
	}
	options := &internalversion.ListOptions{}
	if err := internalversion.Convert_v1_ListOptions_To_internalversion_ListOptions(v1, options, nil); err != nil {
		return nil, badRequest(err)
	}
	options.Watch = c.info.Verb == "watch"
	if named(c.info) {
		only := fields.OneTermEqualSelector("metadata.name", c.info.Name)
		if options.FieldSelector == nil {
			options.FieldSelector = only
		} else {
			options.FieldSelector = fields.AndSelectors(options.FieldSelector, only)
		}
	}
	if errs := listvalidation.ValidateListOptions(options, true); len(errs) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: "ListOptions"}, "", errs)
	}
	if options.FieldSelector != nil {
		var err error
		if options.FieldSelector, err = options.FieldSelector.Transform(c.fieldLabel); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	return options, nil
}

// fieldLabel turns a field of a selector into what the definition calls it, and
// refuses one that cannot be selected.
func (c *call) fieldLabel(label, value string) (string, string, error) {
	stored, renamed := c.form.FieldLabels[label]
	switch {
	case label == "metadata.name", label == "metadata.namespace" && (c.resource.Namespaced || c.resource.FieldNames == nil):
		return label, value, nil
	case renamed:
		return stored, value, nil
	case c.form.FieldLabels == nil && slices.Contains(c.resource.FieldNames, label):
		return label, value, nil
	case c.resource.FieldNames == nil:
		return "", "", fmt.Errorf(`%q is not a known field selector: only "metadata.name", "metadata.namespace"`, label)
	case c.resource.UnknownField != "":
		return "", "", fmt.Errorf(c.resource.UnknownField, label)
	}
	return "", "", fmt.Errorf("field label not supported: %s", label)
}

func predicate(options *internalversion.ListOptions) (p storage.Predicate) {
	p.Label, p.Field = options.LabelSelector, options.FieldSelector
	if p.Label != nil && p.Label.Empty() {
		p.Label = nil
	}
	if p.Field != nil && p.Field.Empty() {
		p.Field = nil
	}
	return p
}
