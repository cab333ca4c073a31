package clients

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/features"
	clientfeatures "k8s.io/client-go/features/testing"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// changes are what the handlers of an informer of config maps were called with.
type changes chan string

func follow(t *testing.T, c kubernetes.Interface) changes {
	t.Helper()
	seen := make(changes, 1000)
	factory := informers.NewSharedInformerFactoryWithOptions(c, 0, informers.WithNamespace("default"),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = "made=here" }))
	informer := factory.Core().V1().ConfigMaps().Informer()
	note := func(sign string, obj any) {
		if lost, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			obj = lost.Obj
		}
		m := obj.(*corev1.ConfigMap)
		seen <- fmt.Sprintf("%s%s=%s", sign, m.Name, m.Data["value"])
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { note("+", obj) },
		UpdateFunc: func(old, obj any) {
			if old.(*corev1.ConfigMap).ResourceVersion != obj.(*corev1.ConfigMap).ResourceVersion {
				note("~", obj)
			}
		},
		DeleteFunc: func(obj any) { note("-", obj) },
	}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	factory.Start(stop)
	t.Cleanup(func() {
		close(stop)
		factory.Shutdown()
	})
	factory.WaitForCacheSync(stop)
	return seen
}

func (c changes) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := next(t, c); got != w {
			t.Fatalf("the informer tells of %s, want %s", got, w)
		}
	}
}

// TestInformers: begun by a list or by a watch, in each encoding, an informer sees
// all there is, all that comes, and after the server was away what it missed.
func TestInformers(t *testing.T) {
	clientfeatures.SetFeatureDuringTest(t, features.ClientsAllowCBOR, true)
	for _, watchList := range []bool{true, false} {
		for _, contentType := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf, runtime.ContentTypeCBOR} {
			t.Run(fmt.Sprintf("%s watchlist %t", contentType[len("application/"):], watchList), func(t *testing.T) {
				clientfeatures.SetFeatureDuringTest(t, features.WatchListClient, watchList)
				testInformer(t, contentType, watchList)
			})
		}
	}
}

func testInformer(t *testing.T, contentType string, watchList bool) {
	s := started(t)
	var lists, streams atomic.Int32
	config := rest.CopyConfig(s.Config())
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			switch query := r.URL.Query(); {
			case query.Get("sendInitialEvents") == "true":
				streams.Add(1)
			case query.Get("watch") == "" && r.Method == http.MethodGet && query.Has("labelSelector"):
				lists.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	writer := s.Client(t)
	put(t, writer, "before", "1")
	seen := follow(t, client(t, config, contentType))
	seen.expect(t, "+before=1")
	for round := range 2 {
		name := fmt.Sprint("round", round)
		put(t, writer, name, "1")
		put(t, writer, name, "2")
		seen.expect(t, "+"+name+"=1", "~"+name+"=2")
		s.Kill()
		s.Start(t)
		put(t, writer, name, "3")
		seen.expect(t, "~"+name+"=3")
		if err := writer.CoreV1().ConfigMaps("default").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		seen.expect(t, "-"+name+"=3")
	}
	if watchList != (streams.Load() > 0) || watchList == (lists.Load() > 0) {
		t.Errorf("%d lists and %d streams of initial events", lists.Load(), streams.Load())
	}
}
