package allocate

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/storage"
)

// young is the age up to which an object that holds something for no Service
// is left alone: an update on another server may be about to write the Service.
const young = time.Minute

// Repair makes the holding objects agree with the Services: it creates those
// that are missing and deletes those that nobody needs. It is called once, at start.
func (s *Services) Repair(ctx context.Context) error {
	orphans := map[*storage.Collection]map[string]bool{}
	for _, c := range []*storage.Collection{s.addresses(), s.nodePorts()} {
		var err error
		if orphans[c], err = holders(ctx, c); err != nil {
			return err
		}
	}
	// The Services are read after what they hold: what they hold by now, they held then.
	page, err := s.store.Collection(core.Service).List(ctx, storage.ListOptions{})
	if err != nil {
		return err
	}
	for _, record := range page.Records {
		obj, err := record.Object()
		if err != nil {
			return err
		}
		if err := s.confirm(ctx, obj.(*corev1.Service), orphans); err != nil {
			return err
		}
	}
	for c, names := range orphans {
		for name := range names {
			if _, err := c.Modify(ctx, "", name, unneeded); err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// holders returns the names of the objects of c that hold something for a Service.
func holders(ctx context.Context, c *storage.Collection) (map[string]bool, error) {
	page, err := c.List(ctx, storage.ListOptions{})
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, record := range page.Records {
		obj, err := record.Object()
		if err != nil {
			return nil, err
		}
		if holder(obj) != (types.NamespacedName{}) {
			names[record.Name] = true
		}
	}
	return names, nil
}

// confirm takes what the Service holds off the orphans, and creates what holds it if
// that is missing.
func (s *Services) confirm(ctx context.Context, service *corev1.Service, orphans map[*storage.Collection]map[string]bool) error {
	ensure := func(c *storage.Collection, obj api.Object) error {
		if orphans[c][obj.GetName()] {
			delete(orphans[c], obj.GetName())
			return nil
		}
		_, err := c.Create(ctx, obj)
		if errors.Is(err, storage.ErrExists) {
			return nil
		}
		return err
	}
	h := held(service)
	for ip := range h.addresses {
		if err := ensure(s.addresses(), newIPAddress(ip, service)); err != nil {
			return err
		}
	}
	for port := range h.ports {
		if err := ensure(s.nodePorts(), newNodePort(port, service)); err != nil {
			return err
		}
	}
	return nil
}

// unneeded deletes an object that is not young.
func unneeded(current api.Object) (api.Object, error) {
	if current != nil && time.Since(current.GetCreationTimestamp().Time) < young {
		return current, nil
	}
	return nil, nil
}
