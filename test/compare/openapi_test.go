package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestOpenAPI compares what both servers publish of themselves, structure by
// structure: paths, parameters, answers, definitions, fields, defaults, lists. Only
// descriptions are not compared, which are upstream's prose.
func TestOpenAPI(t *testing.T) {
	both := start(t)
	docs := map[*server]map[string]any{}
	for _, s := range []*server{both.theirs, both.ours} {
		docs[s] = map[string]any{"/openapi/v2": s.document(t, "/openapi/v2")}
		for path := range s.document(t, "/openapi/v3")["paths"].(map[string]any) {
			docs[s]["/openapi/v3/"+path] = s.document(t, "/openapi/v3/"+path)
		}
	}
	found := structures("", docs[both.theirs], docs[both.ours])
	if len(found) > 0 {
		t.Errorf("%d differences (upstream's, ours):\n%s", len(found), strings.Join(found[:min(len(found), 40)], "\n"))
	}
}

func (s *server) document(t *testing.T, path string) map[string]any {
	t.Helper()
	a, err := s.do(t.Context(), step{Do: "GET " + path, Accept: "application/json"})
	if err != nil {
		t.Fatal(err)
	}
	shown, ok := a.raw.(map[string]any)
	doc, _ := shown["value"].(map[string]any)
	if text, plain := a.raw.(string); plain { // the index does not say that it is JSON
		ok = json.Unmarshal([]byte(text), &doc) == nil
	}
	if !ok || a.code != 200 {
		t.Fatalf("%s of %s: %d %.200v", path, s.url, a.code, a.raw)
	}
	// Upstream writes the parameters that many have once.
	parameters, _ := doc["parameters"].(map[string]any)
	delete(doc, "parameters")
	return comparable(doc, parameters).(map[string]any)
}

// comparable returns a value of a document without descriptions, with the
// parameters that it refers to, and with lists whose order says nothing as maps.
func comparable(value any, parameters map[string]any) any {
	switch v := value.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && strings.HasPrefix(ref, "#/parameters/") {
			return comparable(parameters[strings.TrimPrefix(ref, "#/parameters/")], parameters)
		}
		out := map[string]any{}
		for key, x := range v {
			if _, text := x.(string); key != "description" || !text {
				out[key] = comparable(x, parameters)
			}
		}
		return out
	case []any:
		out := map[string]any{}
		for _, x := range v {
			x = comparable(x, parameters)
			key := fmt.Sprint(x)
			if m, ok := x.(map[string]any); ok && m["in"] != nil {
				key = fmt.Sprint(m["in"], " ", m["name"])
			}
			out[key] = x
		}
		return out
	}
	return value
}

// structures lists where two values differ.
func structures(at string, theirs, ours any) (found []string) {
	a, isMap := theirs.(map[string]any)
	b, both := ours.(map[string]any)
	if isMap && both {
		keys := map[string]bool{}
		for key := range a {
			keys[key] = true
		}
		for key := range b {
			keys[key] = true
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			found = append(found, structures(at+" "+key, a[key], b[key])...)
		}
		return found
	}
	if x, y := fmt.Sprint(theirs), fmt.Sprint(ours); x != y {
		found = append(found, fmt.Sprintf("%s: %.150s, %.150s", at, x, y))
	}
	return found
}
