package apiserver

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestListAndWatchRefusals(t *testing.T) {
	maps := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	invalid := func(problems string) map[string]any {
		return map[string]any{"reason": "Invalid", "message": `ListOptions.meta.k8s.io "" is invalid: ` + problems}
	}
	token := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	badToken := func(problem string) map[string]any {
		return map[string]any{"reason": "BadRequest", "message": "invalid continue token: continue key is not valid: " + problem}
	}
	good := token(`{"v":"meta.k8s.io/v1","rv":1,"start":"a\u0000"}`)
	for _, tt := range []struct {
		query string
		code  int
		want  map[string]any
	}{
		{"sendInitialEvents=true", 422, invalid("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list")},
		{"resourceVersionMatch=Exact", 422, invalid("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")},
		{"resourceVersion=0&resourceVersionMatch=Exact", 422, invalid(`resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"`)},
		{"resourceVersion=5&resourceVersionMatch=Newest", 422, invalid(`resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""`)},
		{"resourceVersion=5&resourceVersionMatch=Exact&continue=" + good, 422, invalid("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided")},
		{"watch=1&sendInitialEvents=true", 422, invalid("resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")},
		{"watch=1&resourceVersionMatch=NotOlderThan", 422, invalid("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")},
		{"watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=99999999", 200, map[string]any{"type": "ERROR", "object.reason": "Timeout", "object.details.causes.0.reason": "ResourceVersionTooLarge"}},
		{"watch=1&resourceVersion=x", 500, nil},
		{"resourceVersion=18446744073709551615", 504, map[string]any{"reason": "Timeout"}},
		{"continue=" + good + "&resourceVersion=5", 400, map[string]any{"message": "specifying resource version is not allowed when using continue"}},
		{"continue=no!", 400, badToken("illegal base64 data at input byte 2")},
		{"continue=" + token("{"), 400, badToken("unexpected end of JSON input")},
		{"continue=" + token(`{"v":"v2"}`), 400, badToken("server does not recognize this encoded version v2")},
		{"continue=" + token(`{"v":"meta.k8s.io/v1"}`), 400, badToken("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")},
		{"continue=" + token(`{"v":"meta.k8s.io/v1","rv":1}`), 400, badToken("encoded start key empty (version meta.k8s.io/v1)")},
		{"continue=" + token(`{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets"}`), 400, badToken("../secrets")},
	} {
		run(t, []exchange{{tt.query, "GET", maps + "?" + tt.query, "", nil, tt.code, tt.want, nil}})
	}
}

// A watch says which events it had in its second, as "TYPE name".
func TestWatchEvents(t *testing.T) {
	maps := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	made := do(t, "POST", maps, `{"metadata":{"name":"a"}}`).at("metadata.resourceVersion").(string)
	do(t, "POST", maps, `{"metadata":{"name":"b"}}`)
	initial := "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
	for _, tt := range []struct{ query, want string }{
		{"", "ADDED a, ADDED b"},
		{"&resourceVersion=0", "ADDED a, ADDED b"},
		{"&resourceVersion=" + made, "ADDED b"},
		{"&resourceVersion=999999", ""},
		{initial, "ADDED a, ADDED b"},
		{initial + "&allowWatchBookmarks=true", "ADDED a, ADDED b, BOOKMARK end"},
		{initial + "&allowWatchBookmarks=true&resourceVersion=0", "ADDED a, ADDED b, BOOKMARK end"},
		{initial + "&allowWatchBookmarks=true&resourceVersion=1", "ADDED a, ADDED b, BOOKMARK end"},
		{initial + "&allowWatchBookmarks=true&resourceVersion=" + made, "ADDED a, ADDED b, BOOKMARK end"},
		{initial + "&allowWatchBookmarks=true&fieldSelector=metadata.name%3Db", "ADDED b, BOOKMARK end"},
		{"&sendInitialEvents=false&resourceVersionMatch=NotOlderThan", ""},
		{"&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=" + made, "ADDED b"},
	} {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel() // each lasts its second
			var events []string
			for line := range strings.Lines(string(do(t, "GET", maps+"?watch=1&timeoutSeconds=1"+tt.query, "").raw)) {
				var event struct {
					Type   string
					Object struct {
						Metadata struct {
							Name        string
							Annotations map[string]string
						}
						Code   int
						Reason string
					}
				}
				if err := json.Unmarshal([]byte(line), &event); err != nil {
					t.Fatal(err)
				}
				name := event.Object.Metadata.Name
				switch {
				case event.Object.Code != 0:
					name = fmt.Sprint(event.Object.Code, " ", event.Object.Reason)
				case event.Object.Metadata.Annotations["k8s.io/initial-events-end"] == "true":
					name = "end"
				}
				events = append(events, event.Type+" "+name)
			}
			if got := strings.Join(events, ", "); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
