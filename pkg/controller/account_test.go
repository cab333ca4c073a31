package controller

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	core "k8s.io/client-go/testing"
)

// TestAsAccount: the account is made if it is missing, its token is what requests
// carry, nothing of the process's own identity is, and a refused token is replaced.
func TestAsAccount(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") == "Bearer token-1" && len(seen) > 1 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"major":"1"}`)
	}))
	defer server.Close()

	accounts := fake.NewClientset()
	made, tokens := false, 0
	accounts.PrependReactor("create", "serviceaccounts", func(action core.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != "token" {
			made = true
			return false, nil, nil
		}
		if !made {
			return true, nil, apierrors.NewNotFound(v1.Resource("serviceaccounts"), "job-controller")
		}
		tokens++
		return true, &authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{
			Token: fmt.Sprintf("token-%d", tokens), ExpirationTimestamp: metav1.NewTime(time.Now().Add(time.Hour))}}, nil
	})

	own := &rest.Config{Host: server.URL, BearerToken: "of-the-process"}
	config, login := asAccount(own, accounts.CoreV1().ServiceAccounts(metav1.NamespaceSystem), "job-controller")
	if err := login(); err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	for i, failed := range []bool{false, true, false} {
		if _, err := client.Discovery().ServerVersion(); (err != nil) != failed {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if want := []string{"Bearer token-1", "Bearer token-1", "Bearer token-2"}; !slices.Equal(seen, want) {
		t.Errorf("requests carried %q, want %q", seen, want)
	}
	if own.BearerToken != "of-the-process" {
		t.Error("the process's own configuration was changed")
	}
}
