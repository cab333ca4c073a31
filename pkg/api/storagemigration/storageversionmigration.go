package storagemigration

import (
	"context"
	"strings"
	"time"

	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// StorageVersionMigration is the resource storageversionmigrations: that all
// objects of a resource be written anew, in the present stored form.
//
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/storage-version-migration/
var StorageVersionMigration = &api.Resource{
	Group:          storagemigrationv1.GroupName,
	Version:        "v1",
	Kind:           "StorageVersionMigration",
	Plural:         "storageversionmigrations",
	StorageVersion: "v1beta1",
	Singular:       "storageversionmigration",
	New:            func() api.Object { return &storagemigrationv1.StorageVersionMigration{} },
	NewList:        func() runtime.Object { return &storagemigrationv1.StorageVersionMigrationList{} },

	PrepareCreate: func(_ context.Context, obj api.Object) {
		obj.(*storagemigrationv1.StorageVersionMigration).Status = storagemigrationv1.StorageVersionMigrationStatus{}
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		obj.(*storagemigrationv1.StorageVersionMigration).Status = old.(*storagemigrationv1.StorageVersionMigration).Status
	},
	Validate:       validateMigration,
	ValidateUpdate: validateMigrationUpdate,

	Columns: []metav1.TableColumnDefinition{
		api.Column("Name", "string", api.NameColumn.Description),
		api.Column("Resource", "string", "GroupResource to migrate"),
		api.Column("Status", "string", "Status of the migration"),
	},
	Row: func(obj api.Object, _ time.Time) []any {
		m := obj.(*storagemigrationv1.StorageVersionMigration)
		return []any{m.Name, m.Spec.Resource.String(), stateOf(m)}
	},

	Subresources: []api.Subresource{
		api.StatusAlone(func(_ context.Context, to, from *storagemigrationv1.StorageVersionMigration) { to.Status = from.Status }, validateMigrationStatus),
	},
}

// stateOf returns the last of the known conditions that holds.
func stateOf(m *storagemigrationv1.StorageVersionMigration) string {
	state := "Unknown"
	for _, c := range m.Status.Conditions {
		switch kind := storagemigrationv1.MigrationConditionType(c.Type); kind {
		case storagemigrationv1.MigrationRunning, storagemigrationv1.MigrationFailed, storagemigrationv1.MigrationSucceeded:
			if c.Status == metav1.ConditionTrue {
				state = c.Type
			}
		}
	}
	return state
}

func validateMigration(obj api.Object) (errs field.ErrorList) {
	target, path := obj.(*storagemigrationv1.StorageVersionMigration).Spec.Resource, field.NewPath("spec", "resource")
	if target.Resource == "" {
		errs = append(errs, field.Required(path.Child("resource"), "resource is required to be set"))
	} else if problems := validation.IsDNS1035Label(target.Resource); len(problems) > 0 {
		errs = append(errs, field.Invalid(path.Child("resource"), target.Resource, strings.Join(problems, ",")))
	}
	if target.Group != "" {
		if problems := validation.IsDNS1123Subdomain(target.Group); len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Child("group"), target.Group, strings.Join(problems, ",")))
		}
	}
	return errs
}

func validateMigrationUpdate(obj, old api.Object) field.ErrorList {
	m, before := obj.(*storagemigrationv1.StorageVersionMigration), old.(*storagemigrationv1.StorageVersionMigration)
	errs := validateMigration(obj)
	if !equality.Semantic.DeepEqual(m.Spec, before.Spec) {
		errs = append(errs, field.Invalid(field.NewPath("spec"), api.Internal(m.Spec), apivalidation.FieldImmutableErrorMsg))
	}
	return errs
}

func validateMigrationStatus(obj, old api.Object) (errs field.ErrorList) {
	status, before := &obj.(*storagemigrationv1.StorageVersionMigration).Status, &old.(*storagemigrationv1.StorageVersionMigration).Status
	version, conditions := field.NewPath("status", "resourceVersion"), field.NewPath("status", "conditions")
	if status.ResourceVersion != "" {
		if _, err := resourceversion.CompareResourceVersion(status.ResourceVersion, status.ResourceVersion); err != nil {
			errs = append(errs, field.Invalid(version, status.ResourceVersion, err.Error()))
		}
	}
	errs = append(errs, metav1validation.ValidateConditions(status.Conditions, conditions)...)
	if before.ResourceVersion != "" && before.ResourceVersion != status.ResourceVersion {
		errs = append(errs, field.Invalid(version, status.ResourceVersion, apivalidation.FieldImmutableErrorMsg))
	}
	refuse := func(why string) { errs = append(errs, field.Invalid(conditions, status.Conditions, why)) }
	succeeded, failed := holds(status, storagemigrationv1.MigrationSucceeded), holds(status, storagemigrationv1.MigrationFailed)
	if succeeded && failed {
		refuse("Both success and failed conditions cannot be true at the same time")
	}
	if holds(before, storagemigrationv1.MigrationSucceeded) && !succeeded {
		refuse("Success condition cannot be set to false once it is true")
	}
	if holds(before, storagemigrationv1.MigrationFailed) && !failed {
		refuse("Failed condition cannot be set to false once it is true")
	}
	return errs
}

func holds(status *storagemigrationv1.StorageVersionMigrationStatus, kind storagemigrationv1.MigrationConditionType) bool {
	return meta.IsStatusConditionTrue(status.Conditions, string(kind))
}
