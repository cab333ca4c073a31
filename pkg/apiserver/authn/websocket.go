package authn

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"
)

// tokenProtocol begins the subprotocol by which a browser, which cannot set the
// Authorization header of a websocket, sends its token.
const tokenProtocol = "base64url.bearer.authorization.k8s.io."

const protocolHeader = "Sec-Websocket-Protocol"

// websocketToken takes the token out of the subprotocols of a request that opens a
// websocket. One subprotocol must be left, as the server has to choose one.
func websocketToken(r *http.Request) string {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return ""
	}
	token := ""
	var others []string
	for _, header := range r.Header.Values(protocolHeader) {
		for _, protocol := range strings.Split(header, ",") {
			protocol = strings.TrimSpace(protocol)
			encoded, found := strings.CutPrefix(protocol, tokenProtocol)
			if !found {
				others = append(others, protocol)
				continue
			}
			decoded, err := base64.RawURLEncoding.DecodeString(encoded)
			if err != nil || !utf8.Valid(decoded) || token != "" {
				return ""
			}
			token = string(decoded)
		}
	}
	if token == "" || len(others) == 0 {
		return ""
	}
	r.Header.Set(protocolHeader, strings.Join(others, ","))
	return token
}
