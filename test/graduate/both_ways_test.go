package graduate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"slowmo/test/live"
)

// TestGraduate moves a store from our API server to kube-apiserver and back. Each
// answers with every object just as the other did before.
func TestGraduate(t *testing.T) {
	ours := live.NewAPIServer(t)
	ours.Start(t)
	made := createAll(t, restClient(t, ours.Config()))
	before := readAll(t, restClient(t, ours.Config()), made)
	ours.Stop(t)

	theirs := startTheirs(t, ours)
	client := restClient(t, theirs.config)
	compare(t, "kube-apiserver after ours", before, readAll(t, client, made))
	for _, path := range made {
		patch := []byte(`{"metadata":{"annotations":{"graduated":"yes"}}}`)
		if err := client.Patch(types.MergePatchType).AbsPath(path).Body(patch).Do(t.Context()).Error(); err != nil && !apierrors.IsInvalid(err) {
			t.Errorf("patch %s: %v", path, err)
		}
	}
	made = append(made, createTheirs(t, client)...)
	after := readAll(t, client, made)
	theirs.stop(t)

	ours.Start(t)
	compare(t, "ours after kube-apiserver", after, readAll(t, restClient(t, ours.Config()), made))
}

func restClient(t *testing.T, config *rest.Config) rest.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client.Discovery().RESTClient()
}

// createAll creates the objects of the recorded requests and returns the paths of
// those that are there.
func createAll(t *testing.T, client rest.Interface) []string {
	t.Helper()
	text, err := os.ReadFile("../../pkg/apiserver/testdata/reference/requests.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for line := range bytes.Lines(text) {
		var s struct {
			ID, Path string
			Body     json.RawMessage
		}
		if json.Unmarshal(line, &s) != nil || s.ID != "ns" && !strings.HasPrefix(s.ID, "create/") {
			continue // a body that is no JSON is none of those
		}
		raw, err := client.Post().AbsPath(s.Path).SetHeader("Content-Type", "application/json").Body([]byte(s.Body)).DoRaw(t.Context())
		if apierrors.IsInvalid(err) {
			continue // some of the recorded ones are
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", s.ID, err, raw)
			continue
		}
		var object struct{ Metadata struct{ Name string } }
		if err := json.Unmarshal(raw, &object); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, s.Path+"/"+object.Metadata.Name)
	}
	if len(paths) < 50 {
		t.Errorf("only %d objects were made", len(paths))
	}
	return paths
}

// createTheirs has kube-apiserver make what it stores as JSON, the definitions in
// an older version, and returns the paths once it has written the status of each.
func createTheirs(t *testing.T, client rest.Interface) (paths []string) {
	t.Helper()
	for path, body := range map[string]string{
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.graduate.example": `{"metadata":{"name":"foos.graduate.example"},"spec":{
			"group":"graduate.example","names":{"plural":"foos","kind":"Foo","shortNames":["fo"]},"scope":"Namespaced","versions":[{"name":"v1","served":true,"storage":true,
			"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}},
			"subresources":{"status":{}},"additionalPrinterColumns":[{"name":"a","type":"string","jsonPath":".spec.a"}]}]}}`,
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bars.graduate.example": `{"metadata":{"name":"bars.graduate.example"},"spec":{
			"group":"graduate.example","names":{"plural":"bars","kind":"Bar"},"scope":"Cluster","versions":[
			{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}},
			{"name":"v2","served":true,"storage":false,"deprecated":true,"schema":{"openAPIV3Schema":{"type":"object","description":"new"}}}],
			"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"https://localhost/convert"}}}}}`,
		"/apis/apiregistration.k8s.io/v1/apiservices/v1.elsewhere.example": `{"metadata":{"name":"v1.elsewhere.example"},"spec":{
			"group":"elsewhere.example","version":"v1","groupPriorityMinimum":10,"versionPriority":10,"insecureSkipTLSVerify":true,"service":{"namespace":"default","name":"none"}}}`,
	} {
		if err := client.Post().AbsPath(filepath.Dir(path)).SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(t.Context()).Error(); err != nil {
			t.Fatal(err)
		}
		awaitCondition(t, client, path)
		paths = append(paths, path)
	}
	return paths
}

// awaitCondition returns once an object is established or found not to be available.
func awaitCondition(t *testing.T, client rest.Interface, path string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		raw, err := client.Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(t.Context())
		if err == nil && (bytes.Contains(raw, []byte(`"Established"`)) || bytes.Contains(raw, []byte(`"Available"`))) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v %s", path, err, raw)
		}
	}
}

func readAll(t *testing.T, client rest.Interface, paths []string) map[string]any {
	t.Helper()
	answers := map[string]any{}
	for _, path := range paths {
		raw, err := client.Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(t.Context())
		var object any
		if err == nil {
			err = json.Unmarshal(raw, &object)
		}
		if err != nil {
			t.Errorf("get %s: %v", path, err)
		}
		answers[path] = object
	}
	return answers
}

func compare(t *testing.T, what string, want, got map[string]any) {
	t.Helper()
	for path := range want {
		before, after := want[path], got[path]
		if strings.Contains(path, "/flowschemas/") { // kube-apiserver itself writes their status at any moment
			before, after = before.(map[string]any)["spec"], after.(map[string]any)["spec"]
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s: %s differs (-before +after):\n%s", what, path, diff)
		}
	}
}

// theirServer is etcd on the data of an API server of ours, and kube-apiserver on it.
type theirServer struct {
	config      *rest.Config
	store, main *exec.Cmd
}

func startTheirs(t *testing.T, ours *live.APIServer) *theirServer {
	t.Helper()
	dir, port := t.TempDir(), live.FreePort(t)
	s := &theirServer{config: ours.Config()}
	s.config.Host = fmt.Sprintf("https://127.0.0.1:%d", port)
	real := filepath.Join(live.Bin, "upstream")
	s.main, s.store = live.StartUpstream(t, filepath.Join(real, "etcd"), filepath.Join(real, "kube-apiserver"), filepath.Join(ours.DataDir(), "etcd"), dir,
		"--secure-port", fmt.Sprint(port), "--cert-dir", dir, "--token-auth-file", filepath.Join(ours.Dir, "tokens.csv"),
		"--service-cluster-ip-range", "10.96.0.0/16", "--disable-admission-plugins", "ServiceAccount")
	client := restClient(t, s.config)
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := client.Get().AbsPath("/readyz").Do(ctx).Error()
		cancel()
		if err == nil {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("kube-apiserver is not ready: %v", err)
		}
	}
}

// stop ends both as an installer would, the store last.
func (s *theirServer) stop(t *testing.T) {
	t.Helper()
	for _, cmd := range []*exec.Cmd{s.main, s.store} {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // etcd ends by the signal that it was sent
	}
}
