package compare

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// server is one of the two, and what it is remembered of it while a file runs.
type server struct {
	url    string
	client *http.Client
	mask   mask
	saved  map[string]string
	made   []string // paths of the objects that the file created
}

// answer is what a server said.
type answer struct {
	code   int
	header http.Header
	raw    any // decoded
}

func newServer(port int) *server {
	return &server{url: fmt.Sprintf("https://127.0.0.1:%d", port), client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			DisableCompression: true, MaxIdleConnsPerHost: 4},
	}}
}

// begin forgets what was remembered.
func (s *server) begin() {
	s.saved, s.made, s.mask = map[string]string{}, nil, mask{server: strings.TrimPrefix(s.url, "https://")}
}

// do sends a step.
func (s *server) do(ctx context.Context, step step) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := s.request(ctx, step)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := read(resp, step.Frames)
	if err != nil {
		return nil, fmt.Errorf("%w after %q", err, body)
	}
	a := &answer{code: resp.StatusCode, header: resp.Header, raw: decode(resp.Header.Get("Content-Type"), body)}
	for name, path := range step.Save {
		s.saved[name] = a.field(path)
	}
	if name := a.field("metadata.name"); a.code == http.StatusCreated && name != "" {
		path, _, _ := strings.Cut(req.URL.Path, "?")
		if req.Method == http.MethodPost {
			path += "/" + name
		}
		s.made = append(s.made, path)
	}
	return a, nil
}

var collection = regexp.MustCompile(`^(/api/v1|/apis/[^/]+/[^/]+)(/namespaces/[^/]+)?/[^/?]+`)

// settle has upstream's cache catch up with what was written: a list waits for that.
// An update that starts from an old state is tried again, and its answer has the
// warnings of both times, and no port that the first time took.
func (s *server) settle(ctx context.Context, next step) error {
	method, path := next.target()
	if method != http.MethodPatch && method != http.MethodPut {
		return nil
	}
	path = collection.FindString(s.fill(path))
	if path == "" {
		return nil
	}
	sent := s.mask.sent
	_, err := s.do(ctx, step{Do: "GET " + path + "?labelSelector=none"})
	s.mask.sent = sent
	return err
}

// request makes a step's request, and notes what it says.
func (s *server) request(ctx context.Context, step step) (*http.Request, error) {
	method, path := step.target()
	path, text := s.fill(path), s.fill(step.text())
	body, err := step.encode(text)
	if err != nil {
		return nil, err
	}
	s.mask.sent += path + text
	for _, found := range regexp.MustCompile(`"generateName":\s*"([^"]*)"`).FindAllStringSubmatch(text, -1) {
		s.mask.generated(found[1])
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if req.URL, err = url.Parse(s.url + strings.ReplaceAll(path, " ", "%20")); err != nil {
		return nil, err
	}
	set := map[string]string{"Authorization": "Bearer " + administrator, "User-Agent": "compare/1",
		"Content-Type": step.contentType(), "Accept": step.Accept}
	for name, value := range step.Header {
		set[name] = s.fill(value)
	}
	for name, value := range set {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	return req, nil
}

// fill replaces ${name} by what was saved.
func (s *server) fill(text string) string {
	return regexp.MustCompile(`\$\{\w+\}`).ReplaceAllStringFunc(text, func(name string) string { return s.saved[name[2:len(name)-1]] })
}

// field returns the value at a dotted path of the body, as text.
func (a *answer) field(path string) string {
	value := a.raw
	if top, ok := value.(map[string]any); ok && top["value"] != nil {
		value = top["value"]
	}
	for key := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(v) {
				return ""
			}
			value = v[i]
		default:
			return ""
		}
	}
	if text, ok := value.(string); ok || value == nil {
		return text
	}
	text, _ := json.Marshal(value)
	return string(text)
}

// masked is the answer in a form to compare.
func (s *server) masked(a *answer) map[string]any {
	return map[string]any{"code": a.code, "header": s.mask.header(a.header), "body": s.mask.value("", a.raw)}
}

// end deletes what the file made, whatever keeps it: each is freed of its
// finalizers, and a namespace is finalized.
func (s *server) end(ctx context.Context) error {
	for i := len(s.made) - 1; i >= 0; i-- {
		path := s.made[i]
		free := step{Do: "PATCH " + path, Type: "merge", Raw: `{"metadata":{"finalizers":null}}`}
		if strings.HasPrefix(path, "/api/v1/namespaces/") && strings.Count(path, "/") == 4 {
			free = step{Do: "PUT " + path + "/finalize", Raw: fmt.Sprintf(`{"metadata":{"name":%q},"spec":{"finalizers":[]}}`, path[strings.LastIndex(path, "/")+1:])}
		}
		for _, step := range []step{{Do: "DELETE " + path + "?gracePeriodSeconds=0&propagationPolicy=Background"}, free} {
			a, err := s.do(ctx, step)
			if err != nil {
				return err
			}
			if a.code == http.StatusNotFound || a.code == http.StatusOK && a.field("metadata.deletionTimestamp") == "" {
				break
			}
		}
	}
	return nil
}
