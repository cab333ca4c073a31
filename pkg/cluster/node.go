package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"
)

// Client reaches the API server as the cluster's administrator.
func Client(paths Paths) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", paths.Kubeconfig("admin"))
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// nodeReady waits until this machine's node says that it is ready for pods.
func (c *Cluster) nodeReady(ctx context.Context) error {
	client, err := Client(c.config.Paths)
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	name := c.host.NodeName
	nodes := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "nodes", metav1.NamespaceAll,
		fields.OneTermEqualSelector(metav1.ObjectNameField, name))
	why := "it did not register"
	_, err = watchtools.UntilWithSync(limit, nodes, &corev1.Node{}, nil, func(e watch.Event) (bool, error) {
		node, ok := e.Object.(*corev1.Node)
		if !ok || e.Type == watch.Deleted {
			return false, nil
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				why = condition.Reason + ": " + condition.Message
				return condition.Status == corev1.ConditionTrue, nil
			}
		}
		return false, nil
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("node %s is not ready after %s: %s\nThe kubelet's log: %s", name, startWithin, why, c.config.Log(kubelet))
	}
	return err
}
