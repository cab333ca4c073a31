package authn

import (
	"encoding/base64"
	"net/http/httptest"
	"testing"
)

func TestWebsocketToken(t *testing.T) {
	protocol := tokenProtocol + base64.RawURLEncoding.EncodeToString([]byte("secret"))
	for name, test := range map[string]struct {
		upgrade, protocols string
		want, left         string
	}{
		"a token":               {"websocket", "v5.channel.k8s.io, " + protocol, "secret", "v5.channel.k8s.io"},
		"a token first":         {"WebSocket", protocol + ",v5.channel.k8s.io,v4.channel.k8s.io", "secret", "v5.channel.k8s.io,v4.channel.k8s.io"},
		"no other protocol":     {"websocket", protocol, "", protocol},
		"two tokens":            {"websocket", protocol + ",x," + protocol, "", protocol + ",x," + protocol},
		"no base64":             {"websocket", "x," + tokenProtocol + "***", "", "x," + tokenProtocol + "***"},
		"no token":              {"websocket", "v5.channel.k8s.io", "", "v5.channel.k8s.io"},
		"an upgrade to another": {"SPDY/3.1", "x," + protocol, "", "x," + protocol},
		"an ordinary request":   {"", "x," + protocol, "", "x," + protocol},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Upgrade", test.upgrade)
		r.Header.Set(protocolHeader, test.protocols)
		if got := websocketToken(r); got != test.want || r.Header.Get(protocolHeader) != test.left {
			t.Errorf("%s: %q, protocols left %q", name, got, r.Header.Get(protocolHeader))
		}
	}
	bearer := Bearer{Tokens: []TokenAuthenticator{}, Audiences: []string{"api"}}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set(protocolHeader, "x,"+protocol)
	if _, ok, err := bearer.Authenticate(r); ok || err == nil {
		t.Errorf("a token that nobody knows: %t, %v", ok, err)
	}
}
