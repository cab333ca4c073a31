package apiserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slowmo/pkg/component/tracing/tracingtest"
)

// A collector is told of each request and of what it was made of. Whom the
// server trusts may say which spans they belong to.
func TestTracing(t *testing.T) {
	collector := tracingtest.Start(t)
	o, err := testOptions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.DisableAdmission = []string{"ServiceAccount"}
	o.TracingConfigFile = writeTracing(t, "apiVersion: apiserver.config.k8s.io/v1beta1\nkind: TracingConfiguration\nsamplingRatePerMillion: 1000000\nendpoint: "+collector.Endpoint)
	s, err := launch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	one := "/api/v1/namespaces/default/configmaps"
	for _, send := range []struct{ method, path, body, token string }{
		{"POST", one, `{"metadata":{"name":"a"}}`, "admin-token"},
		{"GET", one + "/a?pretty=1", "", "admin-token"},
		{"GET", one, "", "alice-token"},
	} {
		if _, err := s.send(send.method, s.url+send.path, send.body, "Authorization: Bearer "+send.token, "Content-Type: application/json",
			"User-Agent: tracing-test", "Audit-ID: an-id", "traceparent: 00-"+trace+"-"+parent+"-01"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, root := range collector.Trees() {
		span := root.Find(func(s *tracingtest.Span) bool { return s.Attributes()["user_agent.original"] == "tracing-test" })
		if span == nil || span != root {
			continue
		}
		said := span.Attributes()
		if said["audit-id"] != "an-id" || span.Resource["service.name"] != "apiserver" || !strings.HasPrefix(span.Resource["service.instance.id"], "apiserver-") {
			t.Errorf("%s has %v of %v", span.Name, said, span.Resource)
		}
		belongs, links := fmt.Sprintf("%x-%x", span.TraceId, span.ParentSpanId) == trace+"-"+parent, 0
		for _, link := range span.Links {
			if fmt.Sprintf("%x-%x", link.TraceId, link.SpanId) == trace+"-"+parent {
				links++
			}
		}
		got = append(got, fmt.Sprintf("%s joined=%t links=%d\n%s", said["http.target"], belongs, links, span))
	}
	steps := "  audit\n    constrainedimpersonation\n      priorityandfairness\n        authorization\n"
	want := []string{
		one + " joined=true links=0\nPOST /api/v1/namespaces/{:namespace}/configmaps\n" + steps +
			"          Create\n            cacher.Get\n            Create etcd3\n            SerializeObject\n",
		one + "/a?pretty=1 joined=true links=0\nGET /api/v1/namespaces/{:namespace}/configmaps/{:name}\n" + steps +
			"          Get\n            cacher.Get\n            SerializeObject\n",
		one + " joined=false links=1\nGET /api/v1/namespaces/{:namespace}/configmaps\n" + steps + "          SerializeObject\n",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func writeTracing(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tracing.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is wrong with the file is said in one line before anything is started.
func TestTracingConfig(t *testing.T) {
	head := "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\n"
	for text, want := range map[string]string{
		"kind: Policy": `is a "Policy" of "": give a TracingConfiguration of apiserver.config.k8s.io/v1`,
		head + "endpoit: x\nsamplingRatePerMillion: 1": `unknown field "endpoit": give endpoint and samplingRatePerMillion`,
		head + "samplingRatePerMillion: -1":            `samplingRatePerMillion: Invalid value: -1: sampling rate must be positive`,
		head + "samplingRatePerMillion: 1000001":       `samplingRatePerMillion: Invalid value: 1000001: sampling rate per million must be less than or equal to one million`,
		head + "endpoint: https://collector":           `unsupported scheme: https: give host:port`,
		head + "endpoint: ['x']":                       `cannot unmarshal array`,
	} {
		o := NewOptions()
		o.TracingConfigFile = writeTracing(t, text)
		_, err := o.openTracer(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "--tracing-config-file: ") {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	o := NewOptions()
	o.TracingConfigFile = "/no/such/file"
	if _, err := o.openTracer(t.Context()); err == nil {
		t.Error("a file that is not there is taken")
	}
}
