package component

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"slowmo/pkg/component/cause"
)

// ClientConfig is how a component reaches the API server: by --kubeconfig,
// $KUBECONFIG or the pod's service account, in protobuf, with the causes of
// each request in its header and without a client-side rate limit (the server's
// fairness is what holds a client back).
func (f *Flags) ClientConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.Kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, Usagef("no way to the API server: %w; give --kubeconfig FILE", err)
	}
	config.QPS = -1
	config.UserAgent = f.name + "/" + Version
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	config.Wrap(cause.Transport)
	return config, nil
}
