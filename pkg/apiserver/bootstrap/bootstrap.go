// Package bootstrap puts into an empty store what every cluster has: the system
// namespaces, the default roles and bindings, the system priority classes, the
// priority levels and flow schemas, the list of what is served here, the ranges of cluster IPs,
// and the Service and endpoints by which pods reach the API server.
//
// Run is called once at each start, before the server says that it is ready. It compares with
// what is there in the cache and writes only what is absent or differs, so a
// second start writes nothing; what there is to write goes out at once, so that
// the transactions share their syncs to disk. Several servers may do so at the
// same time.
//
// roles.go and controllers.go are tables of what upstream's policy grants.
package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"

	"golang.org/x/sync/errgroup"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/api"
	coreapi "slowmo/pkg/api/core"
	rbacapi "slowmo/pkg/api/rbac"
	schedulingapi "slowmo/pkg/api/scheduling"
	"slowmo/pkg/storage"
)

// Config is what a cluster's first objects depend on.
type Config struct {
	Store *storage.Store
	// Resources are what this server serves: each version is listed as an APIService.
	Resources []*api.Resource

	// AdvertiseAddress and SecurePort are where other machines reach this server.
	AdvertiseAddress netip.Addr
	SecurePort       int
	// ServiceIP is the first address of the service range; Services completes
	// the Service that takes it, and keeps it from being given away.
	ServiceIP netip.Addr
	Services  Companion
	// ServiceRanges are what cluster IPs are taken from: one, or one of each family.
	ServiceRanges []netip.Prefix
	// ClientCA is the PEM of what signs client certificates, for extension servers.
	ClientCA []byte
	// RBAC says whether the default roles are wanted.
	RBAC bool
}

// Companion is rest.Companion, as far as it is needed here.
type Companion interface {
	Create(ctx context.Context, obj api.Object, dryRun bool) ([]storage.Op, error)
}

// Run writes what is missing. The system namespaces come first, as no object
// may be in a namespace that is not there. The range of cluster IPs comes twice: what
// is new has no status yet.
func Run(ctx context.Context, c Config) error {
	for _, wishes := range [][]wish{namespaces(c), c.objects(), append(c.flowSchemas(), c.serviceCIDR())} {
		if err := ensureAll(ctx, wishes); err != nil {
			return err
		}
	}
	return c.dropAPIServices(ctx)
}

// wish is an object that is to be there.
type wish struct {
	collection *storage.Collection
	object     api.Object
	// merge returns what the present object should become; nil leaves it.
	merge func(present api.Object) api.Object
	// with completes the object before it is created.
	with func(ctx context.Context, obj api.Object) ([]storage.Op, error)
}

func (c Config) objects() []wish {
	wishes := append(c.priorityClasses(), c.service()...)
	wishes = append(wishes, c.priorityLevels()...)
	wishes = append(wishes, c.extensionConfig(), c.serviceCIDR())
	wishes = append(wishes, c.apiServiceWishes()...)
	if c.RBAC {
		wishes = append(wishes, c.policy()...)
	}
	return wishes
}

func namespaces(c Config) []wish {
	var wishes []wish
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		ns := &corev1.Namespace{}
		ns.Name = name
		ns.Labels = map[string]string{corev1.LabelMetadataName: name}
		wishes = append(wishes, wish{collection: c.Store.Collection(coreapi.Namespace), object: ns})
	}
	return wishes
}

func (c Config) policy() []wish {
	var wishes []wish
	add := func(r *api.Resource, obj api.Object, merge func(api.Object) api.Object) {
		wishes = append(wishes, wish{collection: c.Store.Collection(r), object: obj, merge: merge})
	}
	for _, r := range ClusterRoles() {
		add(rbacapi.ClusterRole, r, func(present api.Object) api.Object { return mergeClusterRole(present.(*rbacv1.ClusterRole), r) })
	}
	for _, r := range Roles() {
		add(rbacapi.Role, r, func(present api.Object) api.Object { return mergeRole(present.(*rbacv1.Role), r) })
	}
	for _, b := range ClusterRoleBindings() {
		add(rbacapi.ClusterRoleBinding, b, func(present api.Object) api.Object {
			return mergeClusterBinding(present.(*rbacv1.ClusterRoleBinding), b)
		})
	}
	for _, b := range RoleBindings() {
		add(rbacapi.RoleBinding, b, func(present api.Object) api.Object { return mergeBinding(present.(*rbacv1.RoleBinding), b) })
	}
	return wishes
}

func (c Config) priorityClasses() []wish {
	var wishes []wish
	for _, class := range PriorityClasses() {
		wishes = append(wishes, wish{collection: c.Store.Collection(schedulingapi.PriorityClass), object: class})
	}
	return wishes
}

// ensureAll makes the wishes true, all at once.
func ensureAll(ctx context.Context, wishes []wish) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range wishes {
		group.Go(func() error {
			if err := w.ensure(ctx); err != nil {
				return fmt.Errorf("bootstrap: %s %q: %w", w.collection.Resource().Plural, w.object.GetName(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (w wish) ensure(ctx context.Context) error {
	record, err := w.collection.Get(ctx, w.object.GetNamespace(), w.object.GetName(), storage.Any)
	if errors.Is(err, storage.ErrNotFound) {
		if err = w.create(ctx); errors.Is(err, storage.ErrExists) {
			return nil // another server was faster
		}
		return err
	}
	if err != nil || w.merge == nil {
		return err
	}
	present, err := record.Object()
	if err != nil || w.merge(present) == nil {
		return err
	}
	_, err = w.collection.Modify(ctx, w.object.GetNamespace(), w.object.GetName(), func(current api.Object) (api.Object, error) {
		if next := w.merge(current); next != nil {
			return next, nil
		}
		return current, nil
	})
	return err
}

// create takes the steps that the server takes for a client's object, as far as
// they matter to ours.
func (w wish) create(ctx context.Context) error {
	obj := w.object.DeepCopyObject().(api.Object)
	r := w.collection.Resource()
	if r.Default != nil {
		r.Default(obj)
	}
	var ops []storage.Op
	if w.with != nil {
		var err error
		if ops, err = w.with(ctx, obj); err != nil {
			return err
		}
	}
	if r.PrepareCreate != nil {
		r.PrepareCreate(ctx, obj)
	}
	fillMeta(obj)
	_, err := w.collection.Create(ctx, obj, ops...)
	return err
}

// changed returns next, or nil when it says nothing that present does not.
func changed[T api.Object](present, next T) api.Object {
	if reflect.DeepEqual(present, next) || equality.Semantic.DeepEqual(present, next) {
		return nil
	}
	return next
}
