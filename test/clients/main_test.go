package clients

import (
	"context"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"slowmo/test/live"
)

// patience is how long anything may take that takes milliseconds or seconds.
const patience = time.Minute

// started returns a server that runs.
func started(t *testing.T) *live.APIServer {
	t.Helper()
	s := live.NewAPIServer(t)
	s.Start(t)
	return s
}

// roundTripper is a function that is one.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// client returns one of config that speaks contentType.
func client(t *testing.T, config *rest.Config, contentType string) *kubernetes.Clientset {
	t.Helper()
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = contentType, contentType
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func configMap(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"made": "here"}}, Data: map[string]string{"value": value}}
}

// put makes a config map, or changes it.
func put(t *testing.T, c kubernetes.Interface, name, value string) {
	t.Helper()
	maps := c.CoreV1().ConfigMaps("default")
	_, err := maps.Create(t.Context(), configMap(name, value), metav1.CreateOptions{})
	if err != nil {
		_, err = maps.Update(t.Context(), configMap(name, value), metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// next returns what comes out of a channel.
func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatal("it ended")
		}
		return v
	case <-ctx.Done():
		t.Fatalf("nothing came in %s", patience)
	}
	panic("unreachable")
}
