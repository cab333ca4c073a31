package apiregistration

import (
	"context"
	"fmt"
	"time"

	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// APIService is the resource apiservices. One without a service is served by the
// API server itself, and so is always available.
//
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/api-service-v1/
var APIService = &api.Resource{
	Group:       apiregistrationv1.GroupName,
	Version:     "v1",
	Kind:        "APIService",
	Plural:      "apiservices",
	StorageJSON: true,
	Singular:    "apiservice",
	Categories:  []string{"api-extensions"},
	StoragePath: "apiregistration.k8s.io/apiservices",
	New:         func() api.Object { return &apiregistrationv1.APIService{} },
	NewList:     func() runtime.Object { return &apiregistrationv1.APIServiceList{} },

	Default: func(obj api.Object) {
		if service := obj.(*apiregistrationv1.APIService).Spec.Service; service != nil && service.Port == nil {
			service.Port = ptr.To[int32](443)
		}
	},
	PrepareCreate: func(ctx context.Context, obj api.Object) {
		s := obj.(*apiregistrationv1.APIService)
		s.Status = apiregistrationv1.APIServiceStatus{}
		if s.Spec.Service == nil {
			s.Status.Conditions = []apiregistrationv1.APIServiceCondition{{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionTrue, LastTransitionTime: api.Now(ctx),
				Reason: "Local", Message: "Local APIServices are always available",
			}}
		}
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		obj.(*apiregistrationv1.APIService).Status = old.(*apiregistrationv1.APIService).Status
	},
	// The name follows from the spec: Validate says what it must be.
	ValidateName:   func(string, bool) []string { return nil },
	Validate:       validateAPIService,
	ValidateUpdate: func(obj, _ api.Object) field.ErrorList { return validateAPIService(obj) },

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Service", "string", "The reference to the service that hosts this API endpoint."),
		api.Column("Available", "string", "Whether this service is available."),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		s := obj.(*apiregistrationv1.APIService)
		service := "Local"
		if s.Spec.Service != nil {
			service = s.Spec.Service.Namespace + "/" + s.Spec.Service.Name
		}
		return []any{s.Name, service, formatAvailable(s), api.Age(s.CreationTimestamp, now)}
	},

	Subresources: []api.Subresource{
		api.StatusAlone(func(_ context.Context, to, from *apiregistrationv1.APIService) { to.Status = from.Status }, validateStatus),
	},
}

func formatAvailable(s *apiregistrationv1.APIService) string {
	for _, c := range s.Status.Conditions {
		switch {
		case c.Type != apiregistrationv1.Available:
		case c.Status != apiregistrationv1.ConditionTrue && c.Reason != "":
			return fmt.Sprintf("%s (%s)", c.Status, c.Reason)
		default:
			return string(c.Status)
		}
	}
	return string(apiregistrationv1.ConditionUnknown)
}

// Limits of the priorities.
const (
	maxGroupPriority   = 20000
	maxVersionPriority = 1000
)

func validateAPIService(obj api.Object) field.ErrorList {
	s := obj.(*apiregistrationv1.APIService)
	spec, path := &s.Spec, field.NewPath("spec")
	errs := validateName(s)
	if spec.Group == "" && spec.Version != "v1" {
		errs = append(errs, field.Required(path.Child("group"), "only v1 may have an empty group and it better be legacy kube"))
	}
	if spec.Group != "" {
		errs = append(errs, check.DNS1123Subdomain(spec.Group, path.Child("group"))...)
	}
	for _, problem := range validation.IsDNS1035Label(spec.Version) {
		errs = append(errs, field.Invalid(path.Child("version"), spec.Version, problem))
	}
	if p := spec.GroupPriorityMinimum; p <= 0 || p > maxGroupPriority {
		errs = append(errs, field.Invalid(path.Child("groupPriorityMinimum"), p, "must be positive and less than 20000"))
	}
	if p := spec.VersionPriority; p <= 0 || p > maxVersionPriority {
		errs = append(errs, field.Invalid(path.Child("versionPriority"), p, "must be positive and less than 1000"))
	}
	if spec.Service == nil {
		return append(errs, validateLocal(spec, path)...)
	}
	return append(errs, validateRemote(spec, path)...)
}

func validateName(s *apiregistrationv1.APIService) (errs field.ErrorList) {
	wanted := s.Spec.Version + "." + s.Spec.Group
	for _, name := range []struct{ field, value string }{{"generateName", s.GenerateName}, {"name", s.Name}} {
		problems := pathvalidation.IsValidPathSegmentName(name.value)
		if len(problems) == 0 && name.value != wanted {
			problems = []string{fmt.Sprintf("must be `spec.version+\".\"+spec.group`: %q", wanted)}
		}
		if name.value == "" {
			problems = nil
		}
		for _, problem := range problems {
			errs = append(errs, field.Invalid(field.NewPath("metadata", name.field), name.value, problem))
		}
	}
	return errs
}

func validateLocal(spec *apiregistrationv1.APIServiceSpec, path *field.Path) (errs field.ErrorList) {
	if len(spec.CABundle) > 0 {
		errs = append(errs, field.Invalid(path.Child("caBundle"), fmt.Sprintf("%d bytes", len(spec.CABundle)), "local APIServices may not have a caBundle"))
	}
	if spec.InsecureSkipTLSVerify {
		errs = append(errs, field.Invalid(path.Child("insecureSkipTLSVerify"), true, "local APIServices may not have insecureSkipTLSVerify"))
	}
	return errs
}

func validateRemote(spec *apiregistrationv1.APIServiceSpec, path *field.Path) (errs field.ErrorList) {
	service, at := spec.Service, path.Child("service")
	if service.Namespace == "" {
		errs = append(errs, field.Required(at.Child("namespace"), ""))
	}
	if service.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	}
	port := ptr.Deref(service.Port, 0)
	for _, problem := range validation.IsValidPortNum(int(port)) {
		errs = append(errs, field.Invalid(at.Child("port"), port, "port is not valid: "+problem))
	}
	if spec.InsecureSkipTLSVerify && len(spec.CABundle) > 0 {
		errs = append(errs, field.Invalid(path.Child("insecureSkipTLSVerify"), true, "may not be true if caBundle is present"))
	}
	return errs
}

func validateStatus(obj, _ api.Object) (errs field.ErrorList) {
	for i, c := range obj.(*apiregistrationv1.APIService).Status.Conditions {
		errs = append(errs, check.OneOf(c.Status, field.NewPath("status", "conditions").Index(i).Child("status"),
			apiregistrationv1.ConditionTrue, apiregistrationv1.ConditionFalse, apiregistrationv1.ConditionUnknown)...)
	}
	return errs
}
