package bootstrap

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"slowmo/pkg/api"
	apiregistrationapi "slowmo/pkg/api/apiregistration"
	"slowmo/pkg/storage"
)

// The server lists what it serves by itself as APIServices without a service,
// which are available because they are local. They are brought up to date once
// at each start, unless an administrator took the label off.
//
// https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
const (
	automanagedLabel = "kube-aggregator.kubernetes.io/automanaged"
	managedOnStart   = "onstart"
)

// priority orders groups against each other and versions within a group.
type priority struct{ group, version int32 }

// apiPriorities are upstream's, which clients see. What is not listed is no
// APIService either.
var apiPriorities = map[schema.GroupVersion]priority{
	{Group: "", Version: "v1"}:                             {18000, 1},
	{Group: "apps", Version: "v1"}:                         {17800, 15},
	{Group: "events.k8s.io", Version: "v1"}:                {17750, 15},
	{Group: "authentication.k8s.io", Version: "v1"}:        {17700, 15},
	{Group: "authorization.k8s.io", Version: "v1"}:         {17600, 15},
	{Group: "autoscaling", Version: "v2"}:                  {17500, 30},
	{Group: "autoscaling", Version: "v1"}:                  {17500, 15},
	{Group: "batch", Version: "v1"}:                        {17400, 15},
	{Group: "certificates.k8s.io", Version: "v1"}:          {17300, 15},
	{Group: "networking.k8s.io", Version: "v1"}:            {17200, 15},
	{Group: "policy", Version: "v1"}:                       {17100, 15},
	{Group: "rbac.authorization.k8s.io", Version: "v1"}:    {17000, 15},
	{Group: "storage.k8s.io", Version: "v1"}:               {16800, 15},
	{Group: "admissionregistration.k8s.io", Version: "v1"}: {16700, 15},
	{Group: "apiextensions.k8s.io", Version: "v1"}:         {16700, 15},
	{Group: "scheduling.k8s.io", Version: "v1"}:            {16600, 15},
	{Group: "coordination.k8s.io", Version: "v1"}:          {16500, 15},
	{Group: "node.k8s.io", Version: "v1"}:                  {16300, 15},
	{Group: "discovery.k8s.io", Version: "v1"}:             {16200, 15},
	{Group: "resource.k8s.io", Version: "v1"}:              {16200, 21},
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1"}: {16100, 21},
	{Group: "storagemigration.k8s.io", Version: "v1"}:      {15800, 15},
}

// apiServices returns the APIServices of what is served here, by name.
func (c Config) apiServices() map[string]*apiregistrationv1.APIService {
	services := map[string]*apiregistrationv1.APIService{}
	for _, r := range c.Resources {
		for _, v := range r.Served() {
			gv := schema.GroupVersion{Group: v.Group, Version: v.Version}
			p, known := apiPriorities[gv]
			if !known {
				continue
			}
			s := &apiregistrationv1.APIService{}
			s.Name = gv.Version + "." + gv.Group
			s.Labels = map[string]string{automanagedLabel: managedOnStart}
			s.Spec = apiregistrationv1.APIServiceSpec{Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: p.group, VersionPriority: p.version}
			services[s.Name] = s
		}
	}
	return services
}

func (c Config) apiServiceWishes() (wishes []wish) {
	collection := c.Store.Collection(apiregistrationapi.APIService)
	for _, s := range c.apiServices() {
		wishes = append(wishes, wish{collection: collection, object: s, merge: func(present api.Object) api.Object {
			return mergeAPIService(present.(*apiregistrationv1.APIService), s)
		}})
	}
	return wishes
}

// dropAPIServices removes those of an earlier start that are no longer served.
func (c Config) dropAPIServices(ctx context.Context) error {
	collection, wanted := c.Store.Collection(apiregistrationapi.APIService), c.apiServices()
	page, err := collection.List(ctx, storage.ListOptions{Match: storage.MatchAny})
	if err != nil {
		return err
	}
	for _, record := range page.Records {
		obj, err := record.Object()
		if err != nil {
			return err
		}
		if wanted[obj.GetName()] != nil || !managed(obj) {
			continue
		}
		_, err = collection.Modify(ctx, "", obj.GetName(), func(current api.Object) (api.Object, error) {
			if current != nil && !managed(current) {
				return current, nil
			}
			return nil, nil
		})
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
	return nil
}

func managed(obj api.Object) bool { return obj.GetLabels()[automanagedLabel] == managedOnStart }

func mergeAPIService(present, wanted *apiregistrationv1.APIService) api.Object {
	if !managed(present) {
		return nil
	}
	next := present.DeepCopy()
	next.Spec = wanted.Spec
	return changed(present, next)
}
