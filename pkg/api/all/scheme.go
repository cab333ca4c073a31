package all

import (
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// Scheme returns the types of everything that is served, at their external
// versions: the resources and their lists, the bodies of subresources, the
// options that come as query parameters, and the kinds of meta.k8s.io. It is
// made once and read-only from then on, so it may be used concurrently.
var Scheme = sync.OnceValue(newScheme)

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	v1 := schema.GroupVersion{Version: "v1"}

	groupVersions := map[schema.GroupVersion]bool{}
	add := func(gv schema.GroupVersion, objects ...runtime.Object) {
		groupVersions[gv] = true
		scheme.AddKnownTypes(gv, objects...)
	}
	for _, r := range Resources() {
		for _, v := range r.Served() {
			gv := schema.GroupVersion{Group: v.Group, Version: v.Version}
			if add(gv, v.New()); v.NewList != nil {
				add(gv, v.NewList())
			}
		}
		for _, s := range r.Subresources {
			if s.New != nil {
				add(s.Kind.GroupVersion(), s.New())
			}
		}
	}

	// Connections take their options as a query, actions as a body.
	add(v1, &corev1.PodLogOptions{}, &corev1.PodExecOptions{}, &corev1.PodAttachOptions{},
		&corev1.PodPortForwardOptions{}, &corev1.PodProxyOptions{},
		&corev1.NodeProxyOptions{}, &corev1.ServiceProxyOptions{})
	add(autoscalingv1.SchemeGroupVersion, &autoscalingv1.Scale{})
	add(policyv1.SchemeGroupVersion, &policyv1.Eviction{})
	// What kubectl before 1.22 sends has the same fields.
	scheme.AddKnownTypeWithName(schema.GroupVersionKind{Group: policyv1.GroupName, Version: "v1beta1", Kind: "Eviction"}, &policyv1.Eviction{})
	add(authenticationv1.SchemeGroupVersion, &authenticationv1.TokenRequest{})

	for gv := range groupVersions {
		metav1.AddToGroupVersion(scheme, gv)
	}
	utilruntime.Must(metav1.AddMetaToScheme(scheme))
	return scheme
}
