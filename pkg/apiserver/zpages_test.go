package apiserver

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFlagz(t *testing.T) {
	w := httptest.NewRecorder()
	flagz(map[string]string{"secure-port": "6443", "event-ttl": "1h0m0s"}).ServeHTTP(w, httptest.NewRequest("GET", "/flagz", nil))
	if got := w.Body.String(); !strings.HasSuffix(got, "\n\nevent-ttl=1h0m0s\nsecure-port=6443\n") {
		t.Errorf("%q", got)
	}
}
