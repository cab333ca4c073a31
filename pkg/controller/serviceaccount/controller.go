// Package serviceaccount keeps the ServiceAccount "default" in each namespace:
// pods that name none run as it.
//
// https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts
package serviceaccount

import (
	"context"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "serviceaccount-controller"

const defaultName = "default"

type controller struct {
	env        *control.Env
	queue      *cause.Queue[string] // of namespaces
	namespaces corelisters.NamespaceLister
	accounts   corelisters.ServiceAccountLister
}

// New makes the controller.
func New(env *control.Env) control.Controller {
	core := env.Informers.Core().V1()
	c := &controller{
		env:        env,
		queue:      cause.NewQueue[string]("serviceaccount"),
		namespaces: core.Namespaces().Lister(),
		accounts:   core.ServiceAccounts().Lister(),
	}
	control.Watch(env, core.Namespaces().Informer(), "namespaces", func(e control.Event[*v1.Namespace]) {
		if e.New != nil {
			c.queue.Add(e.Key, e.Ref)
		}
	})
	control.Watch(env, core.ServiceAccounts().Informer(), "serviceaccounts", func(e control.Event[*v1.ServiceAccount]) {
		if e.New == nil && e.Old.Name == defaultName {
			c.queue.Add(e.Old.Namespace, e.Ref)
		}
	})
	return c
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, 1, c.sync)
	return nil
}

func (c *controller) sync(ctx context.Context, namespace string) error {
	ns, err := c.namespaces.Get(namespace)
	if err != nil || ns.Status.Phase == v1.NamespaceTerminating {
		return nil // nothing is kept up in a namespace that goes
	}
	if _, err := c.accounts.ServiceAccounts(namespace).Get(defaultName); err == nil {
		return nil
	}
	account := &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: defaultName, Namespace: namespace}}
	_, err = c.env.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
		return nil
	}
	return err
}
