package clients

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// cut is a body that ends in the middle.
type cut struct {
	io.ReadCloser
	left int
}

func (c *cut) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// TestRetryWatcher: a watch whose connection breaks again and again, within events
// too, sees each change once.
func TestRetryWatcher(t *testing.T) {
	s := started(t)
	config := rest.CopyConfig(s.Config())
	connections := 0
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(r)
			if err == nil && r.URL.Query().Get("watch") == "true" {
				connections++
				answer.Body = &cut{answer.Body, 1500 + 700*(connections%5)}
			}
			return answer, err
		})
	})
	writer := s.Client(t)
	put(t, writer, "a", "first")
	list, err := writer.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	maps := cache.NewListWatchFromClient(client(t, config, runtime.ContentTypeJSON).CoreV1().RESTClient(), "configmaps", "default", fields.Everything())
	watcher, err := watchtools.NewRetryWatcherWithContext(t.Context(), list.ResourceVersion, maps)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	const writes = 20
	for i := range writes {
		put(t, writer, "a", fmt.Sprint(i))
	}
	for i := range writes {
		event := next(t, watcher.ResultChan())
		if m, ok := event.Object.(*corev1.ConfigMap); !ok || event.Type != watch.Modified || m.Data["value"] != fmt.Sprint(i) {
			t.Fatalf("got %v, want value %d", event, i)
		}
	}
	if connections < 3 {
		t.Errorf("only %d connections: the test cut too little to mean anything", connections)
	}
}
