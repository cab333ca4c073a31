package component

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// reviewer answers the two reviews as an API server does that knows the token
// "good" of user bob, who may get /metrics. It counts the questions.
type reviewer struct{ tokens, access int }

func (s *reviewer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	switch {
	case strings.HasSuffix(r.URL.Path, "/tokenreviews"):
		s.tokens++
		var review authenticationv1.TokenReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		review.Kind, review.APIVersion = "TokenReview", "authentication.k8s.io/v1"
		if review.Spec.Token == "good" {
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: "bob"}}
		}
		_ = json.NewEncoder(w).Encode(review)
	case strings.HasSuffix(r.URL.Path, "/subjectaccessreviews"):
		s.access++
		var review authorizationv1.SubjectAccessReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		review.Kind, review.APIVersion = "SubjectAccessReview", "authorization.k8s.io/v1"
		review.Status.Allowed = review.Spec.User == "bob" && review.Spec.NonResourceAttributes.Path == "/metrics"
		_ = json.NewEncoder(w).Encode(review)
	}
}

func TestServingAsksTheAPIServerWhoMay(t *testing.T) {
	var reviews reviewer
	apiserver := httptest.NewServer(&reviews)
	defer apiserver.Close()

	config := &rest.Config{Host: apiserver.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	serving := NewServing("kube-test", 0)
	serving.Ready = append(serving.Ready, Check{"caches", func(context.Context) error { return nil }})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serving.Serve(ctx, listener, config) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()

	for _, c := range []struct {
		path, token string
		code        int
		body        string
	}{
		{"/livez", "", 200, "ok"},
		{"/readyz?verbose", "", 200, "[+]caches ok"},
		{"/metrics", "", 401, "send a client certificate"},
		{"/metrics", "bad", 401, "not valid"},
		{"/metrics", "good", 200, `kubernetes_build_info{`},
		{"/metrics", "good", 200, `git_version="` + Version},
		{"/debug/pprof/", "good", 403, `user "bob" may not GET /debug/pprof/`},
	} {
		req, _ := http.NewRequest("GET", "https://"+listener.Addr().String()+c.path, nil)
		if c.token != "" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		answer, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != c.code || !strings.Contains(string(body), c.body) {
			t.Errorf("%s as %q: %d %.200s, want %d %s", c.path, c.token, answer.StatusCode, body, c.code, c.body)
		}
	}
	if reviews.tokens != 2 || reviews.access != 2 {
		t.Errorf("%d token reviews and %d access reviews: answers were not remembered", reviews.tokens, reviews.access)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve returned %v", err)
	}
}
