package compare

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// mask hides what differs between two servers although they behave the same.
type mask struct {
	server string // its address
	sent   string // all that was sent to it in this file: what stands there was not drawn by the server
	random []*regexp.Regexp
}

// ignored are the headers that say nothing about how a server behaves.
var ignored = []string{"Date", "Content-Length", "X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid"}

// masked are fields whose value a server chooses, as it does with drawn if no request named it.
var (
	masked = []string{"uid", "resourceVersion", "continue"}
	drawn  = []string{"clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort"}
)

var inText = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<time>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uid>"},
	{regexp.MustCompile(`eyJ[\w.-]{20,}`), "<token>"},
	{regexp.MustCompile(`((?i)resource ?version\W{1,5})\d+( \(\d+\))?`), "${1}<version>"},
	{regexp.MustCompile(`(ResourceVersion in (the precondition|record)) \(\d+\)`), "${1} <version>"},
	{regexp.MustCompile(`current: \d+`), "current: <version>"},
	{regexp.MustCompile(`^(\d+[hms])+$`), "<age>"},
	{regexp.MustCompile(`^"[0-9A-F]{64,}"$`), "<etag>"},
}

// longestBase is how much of a prefix is kept when a name is made of it.
const longestBase = 58

// generated has the names that are made of a prefix masked.
func (m *mask) generated(prefix string) {
	prefix = prefix[:min(len(prefix), longestBase)]
	m.random = append(m.random, regexp.MustCompile(regexp.QuoteMeta(prefix)+`[bcdfghjklmnpqrstvwxz2456789]{5}\b`))
}

func (m *mask) header(header map[string][]string) map[string]any {
	out := map[string]any{}
	for name, values := range header {
		if slices.Contains(ignored, name) {
			continue
		}
		var texts []any
		for _, value := range values {
			texts = append(texts, m.text(value))
		}
		out[name] = texts
	}
	return out
}

// value masks a decoded body, which stands under a key.
func (m *mask) value(key string, value any) any {
	if slices.Contains(drawn, key) {
		if _, list := value.([]any); !list && !strings.Contains(m.sent, fmt.Sprint(value)) {
			return "<drawn>"
		}
	}
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if out[k] = m.value(k, x); slices.Contains(masked, k) && x != "" && x != "0" {
				out[k] = "<" + k + ">"
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = m.value(key, x)
		}
		if key == "managedFields" {
			slices.SortStableFunc(out, func(a, b any) int { return strings.Compare(writer(a), writer(b)) })
		}
		return out
	case string:
		return m.text(v)
	}
	return value
}

// writer is whose an entry of managedFields is. They come in the order of their times,
// where one server may have been past a full second and the other not.
func writer(entry any) string {
	e, _ := entry.(map[string]any)
	return fmt.Sprint(e["manager"], e["operation"], e["subresource"], e["apiVersion"])
}

func (m *mask) text(text string) string {
	text = strings.ReplaceAll(text, m.server, "<server>")
	if _, port, ok := strings.Cut(m.server, ":"); ok {
		text = strings.ReplaceAll(text, advertised+":"+port, "<advertised>")
	}
	for _, p := range m.random {
		text = p.ReplaceAllString(text, "<generated>")
	}
	for _, p := range inText {
		text = p.pattern.ReplaceAllString(text, p.mask)
	}
	return text
}
