package bootstrap

import (
	"errors"
	"slices"
	"testing"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"slowmo/pkg/api"
	apiregistrationapi "slowmo/pkg/api/apiregistration"
	"slowmo/pkg/storage"
)

func TestAPIServicesListWhatIsServed(t *testing.T) {
	c := config(t)
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s := get[*apiregistrationv1.APIService](t, c.Store, apiregistrationapi.APIService, "", "v1.apps")
	if s.Spec.GroupPriorityMinimum != 17800 || s.Spec.VersionPriority != 15 || s.Labels[automanagedLabel] != "onstart" {
		t.Errorf("v1.apps: %+v", s)
	}
	if c := s.Status.Conditions; len(c) != 1 || c[0].Reason != "Local" || c[0].Status != apiregistrationv1.ConditionTrue {
		t.Errorf("v1.apps has conditions %+v", c)
	}
	get[*apiregistrationv1.APIService](t, c.Store, apiregistrationapi.APIService, "", "v1.") // the core group
}

// TestAPIServicesFollowTheServer turns a group off, and changes two APIServices,
// one of which is not the server's to bring back.
func TestAPIServicesFollowTheServer(t *testing.T) {
	c := config(t)
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	services := c.Store.Collection(apiregistrationapi.APIService)
	edit := func(name string, change func(*apiregistrationv1.APIService)) {
		t.Helper()
		_, err := services.Modify(t.Context(), "", name, func(current api.Object) (api.Object, error) {
			change(current.(*apiregistrationv1.APIService))
			return current, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	edit("v1.apps", func(s *apiregistrationv1.APIService) { s.Spec.VersionPriority = 1 })
	edit("v1.rbac.authorization.k8s.io", func(s *apiregistrationv1.APIService) { s.Spec.VersionPriority, s.Labels = 1, nil })
	c.Resources = slices.DeleteFunc(slices.Clone(c.Resources), func(r *api.Resource) bool { return r.Group == "scheduling.k8s.io" })
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	priority := func(name string) int32 {
		return get[*apiregistrationv1.APIService](t, c.Store, apiregistrationapi.APIService, "", name).Spec.VersionPriority
	}
	if p := priority("v1.apps"); p != 15 {
		t.Errorf("v1.apps stays changed: %d", p)
	}
	if p := priority("v1.rbac.authorization.k8s.io"); p != 1 {
		t.Errorf("an APIService of the administrator's was changed: %d", p)
	}
	if _, err := services.Get(t.Context(), "", "v1.scheduling.k8s.io", storage.Consistent); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a group that is off is still listed: %v", err)
	}
}
