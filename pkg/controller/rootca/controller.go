// Package rootca publishes the cluster's certificate authority as the ConfigMap
// kube-root-ca.crt in each namespace: pods mount it beside their token.
//
// https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
package rootca

import (
	"context"
	"maps"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "root-ca-certificate-publisher-controller"

const (
	configMap = "kube-root-ca.crt"
	entry     = "ca.crt"

	// about is upstream's text, which users meet in kubectl describe.
	about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)

type controller struct {
	env        *control.Env
	queue      *cause.Queue[string] // of namespaces
	ca         string               // PEM
	namespaces corelisters.NamespaceLister
	maps       corelisters.ConfigMapLister
}

// New makes the controller, which publishes ca (PEM).
func New(env *control.Env, ca []byte) control.Controller {
	namespaces := env.Informers.Core().V1().Namespaces()
	// The only ConfigMaps that this process caches are its own.
	informer := env.Informers.InformerFor(&v1.ConfigMap{}, func(client kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		return coreinformers.NewFilteredConfigMapInformer(client, metav1.NamespaceAll, resync,
			cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc},
			func(o *metav1.ListOptions) {
				o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, configMap).String()
			})
	})
	c := &controller{
		env:        env,
		queue:      cause.NewQueue[string]("root_ca_cert_publisher"),
		ca:         string(ca),
		namespaces: namespaces.Lister(),
		maps:       corelisters.NewConfigMapLister(informer.GetIndexer()),
	}
	control.Watch(env, namespaces.Informer(), "namespaces", func(e control.Event[*v1.Namespace]) {
		if e.New != nil {
			c.queue.Add(e.Key, e.Ref)
		}
	})
	control.Watch(env, informer, "configmaps", func(e control.Event[*v1.ConfigMap]) {
		if e.Old != nil {
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
	client := c.env.Client.CoreV1().ConfigMaps(namespace)
	have, err := c.maps.ConfigMaps(namespace).Get(configMap)
	if apierrors.IsNotFound(err) {
		_, err := client.Create(ctx, &v1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: configMap, Namespace: namespace,
				Annotations: map[string]string{"kubernetes.io/description": about}},
			Data: map[string]string{entry: c.ca},
		}, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
			return nil
		}
		return err
	}
	want := map[string]string{entry: c.ca}
	if err != nil || maps.Equal(have.Data, want) && have.Annotations["kubernetes.io/description"] != "" {
		return err
	}
	next := have.DeepCopy()
	next.Data = want
	metav1.SetMetaDataAnnotation(&next.ObjectMeta, "kubernetes.io/description", about)
	_, err = client.Update(ctx, next, metav1.UpdateOptions{})
	return err
}
