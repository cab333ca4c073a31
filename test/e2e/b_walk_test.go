package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const deployment = "../../deploy/examples/hello-node.yaml"

// TestWalk is the article, step by step, with each kubectl there is.
func TestWalk(t *testing.T) {
	for name, binary := range kubectls() {
		t.Run(name, func(t *testing.T) {
			w := walk{binary}
			t.Run("apply", w.apply)
			t.Run("get", w.get)
			t.Run("chain", w.chain)
			t.Run("logs, exec, port-forward", w.reachInside)
			t.Run("service", w.service)
			t.Run("scale and roll", w.scaleAndRoll)
			t.Run("delete", w.delete)
			t.Run("create", w.create)
		})
	}
}

type walk struct{ binary string }

func (w walk) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return kubectlAs(t, w.binary, args...)
}

// apply is step 1: what kubectl asks and what it is answered.
func (w walk) apply(t *testing.T) {
	out, log, err := try(t, w.binary, "", "--v=8", "apply", "-f", deployment)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if !strings.Contains(out, "deployment.apps/hello-node created") {
		t.Errorf("apply said %q", out)
	}
	path := `/apis/apps/v1/namespaces/default/deployments`
	for _, want := range []string{
		`GET[^\n]*` + path + `/hello-node(.|\n)*404`,
		`POST[^\n]*` + path + `\?fieldManager=kubectl-client-side-apply&fieldValidation=Strict(.|\n)*201`,
	} {
		if !regexp.MustCompile(want).MatchString(log) {
			t.Errorf("kubectl's log has no %s", want)
		}
	}
	if out := w.kubectl(t, "apply", "-f", deployment); !strings.Contains(out, "unchanged") {
		t.Errorf("a second apply said %q", out)
	}
	text, err := os.ReadFile(deployment)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "  replicas: 1\n", "  replicas: 2\n", 1)
	out, log, err = try(t, w.binary, changed, "--v=8", "apply", "-f", "-")
	if err != nil || !strings.Contains(out, "configured") {
		t.Errorf("a changed apply said %q, %v", out, err)
	}
	if !strings.Contains(log, "PATCH") || !strings.Contains(log, "application/strategic-merge-patch+json") {
		t.Error("kubectl's log has no strategic merge patch")
	}
	w.kubectl(t, "apply", "-f", deployment)
	w.kubectl(t, "rollout", "status", "deployment/hello-node")
}

// get is step 2: the columns come from the server's Table.
func (w walk) get(t *testing.T) {
	eventually(t, "the second replica is gone from the status", func() error {
		lines := strings.Split(w.kubectl(t, "get", "deployment", "hello-node", "-o", "wide"), "\n")
		if got, want := strings.Fields(lines[0]), strings.Fields("NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR"); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("columns %q", got)
		}
		if !regexp.MustCompile(`^hello-node +1/1 +1 +1 +\S+ +hello-node +k8s.gcr.io/echoserver:1.4 +app=hello-node$`).MatchString(lines[1]) {
			return fmt.Errorf("row %q", lines[1])
		}
		return nil
	})
}

// chain is step 3: who owns whom, and the events that tell of it.
func (w walk) chain(t *testing.T) {
	rs := jsonpath(t, "{.items[0].metadata.name}", "rs", "-l", "app=hello-node")
	hash := jsonpath(t, "{.items[0].metadata.labels.pod-template-hash}", "rs", "-l", "app=hello-node")
	if rs != "hello-node-"+hash || hash != "6648755c5d" {
		t.Errorf("replica set %s, hash %s", rs, hash)
	}
	for _, c := range []struct{ kind, owner string }{{"rs", "Deployment/hello-node"}, {"pod", "ReplicaSet/" + rs}} {
		path := "{.items[0].metadata.ownerReferences[0].kind}/{.items[0].metadata.ownerReferences[0].name}"
		if got := jsonpath(t, path, c.kind, "-l", "app=hello-node"); got != c.owner {
			t.Errorf("%s is owned by %s", c.kind, got)
		}
	}
	events := w.kubectl(t, "get", "events")
	var described string
	for _, kind := range []string{"deployment", "rs", "pod"} {
		described += w.kubectl(t, "describe", kind, "-l", "app=hello-node")
	}
	for _, reason := range []string{"ScalingReplicaSet", "SuccessfulCreate", "Scheduled", "Pulled", "Created", "Started"} {
		if !strings.Contains(events, reason) || !strings.Contains(described, reason) {
			t.Errorf("no event %s under get events\n%s\nor describe\n%s", reason, events, described)
		}
	}
	for _, kind := range []string{"deployments", "pods", "rs", "events", "nodes"} {
		if out := w.kubectl(t, "get", kind); strings.Count(out, "\n") < 2 {
			t.Errorf("get %s printed %q", kind, out)
		}
	}
	if out := w.kubectl(t, "config", "view"); !strings.Contains(out, "DATA+OMITTED") || !strings.Contains(out, "current-context:") {
		t.Errorf("config view printed %s", out)
	}
}

func (w walk) pod(t *testing.T) (name, ip string) {
	t.Helper()
	out := jsonpath(t, "{.items[0].metadata.name} {.items[0].status.podIP}", "pods", "-l", "app=hello-node")
	name, ip, _ = strings.Cut(out, " ")
	return name, ip
}

// reachInside is step 4's logs, exec and port-forward.
func (w walk) reachInside(t *testing.T) {
	pod, ip := w.pod(t)
	answer := curl(t, "http://"+ip+":8080/?a=b")
	for _, want := range []string{"CLIENT VALUES:", "command=GET", "query=a=b", "SERVER VALUES:", "HEADERS RECEIVED:", "BODY:"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the pod answered without %q:\n%s", want, answer)
		}
	}
	eventually(t, "the request is in the pod's log", func() error {
		if out := w.kubectl(t, "logs", pod); !strings.Contains(out, "GET /?a=b") {
			return fmt.Errorf("log %q", out)
		}
		return nil
	})
	if out := w.kubectl(t, "exec", pod, "--", "/echoserver", "--version"); out == "" {
		t.Error("exec printed nothing")
	}
	_, _, err := try(t, w.binary, "", "exec", pod, "--", "/echoserver", "--nonsense")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("exec of a command that ends with 2 ended with %v", err)
	}
	w.portForward(t, pod)
}

func (w walk) portForward(t *testing.T, pod string) {
	port := freePort(t)
	cmd := exec.Command(w.binary, "port-forward", pod, fmt.Sprintf("%d:8080", port))
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for range 3 { // several connections through one forward
		if out := curl(t, fmt.Sprintf("http://127.0.0.1:%d/", port)); !strings.Contains(out, "CLIENT VALUES:") {
			t.Errorf("through the forwarded port came %q", out)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// service curls through each address that a Service has.
func (w walk) service(t *testing.T) {
	w.kubectl(t, "expose", "deployment", "hello-node", "--type=LoadBalancer", "--port=8080")
	var balancer string
	eventually(t, "the service has a load balancer's address", func() error {
		if balancer = jsonpath(t, "{.status.loadBalancer.ingress[0].ip}", "service", "hello-node"); balancer == "" {
			return errors.New("none yet")
		}
		return nil
	})
	clusterIP := jsonpath(t, "{.spec.clusterIP}", "service", "hello-node")
	nodePort := jsonpath(t, "{.spec.ports[0].nodePort}", "service", "hello-node")
	node := jsonpath(t, `{.items[0].status.addresses[?(@.type=="InternalIP")].address}`, "nodes")
	for _, url := range []string{"http://" + clusterIP + ":8080/", "http://" + node + ":" + nodePort + "/", "http://" + balancer + ":8080/"} {
		if out := curl(t, url); !strings.Contains(out, "CLIENT VALUES:") {
			t.Errorf("%s answered %q", url, out)
		}
	}
	if lines := strings.Split(w.kubectl(t, "get", "services", "hello-node"), "\n"); !strings.Contains(lines[1], balancer) {
		t.Errorf("get services shows %q", lines[1])
	}
}

func (w walk) scaleAndRoll(t *testing.T) {
	w.kubectl(t, "scale", "deployment", "hello-node", "--replicas=3")
	w.kubectl(t, "rollout", "status", "deployment/hello-node")
	w.kubectl(t, "set", "image", "deployment/hello-node", "hello-node=registry.k8s.io/echoserver:1.4")
	w.kubectl(t, "rollout", "status", "deployment/hello-node")
	if out := w.kubectl(t, "rollout", "history", "deployment/hello-node"); !regexp.MustCompile(`(?m)^2 `).MatchString(out) {
		t.Errorf("history %q", out)
	}
	w.kubectl(t, "rollout", "undo", "deployment/hello-node")
	w.kubectl(t, "rollout", "status", "deployment/hello-node")
	if image := jsonpath(t, "{.spec.template.spec.containers[0].image}", "deployment", "hello-node"); image != "k8s.gcr.io/echoserver:1.4" {
		t.Errorf("after undo the image is %s", image)
	}
	url := "http://" + jsonpath(t, "{.spec.clusterIP}", "service", "hello-node") + ":8080/"
	if out := curl(t, url); !strings.Contains(out, "CLIENT VALUES:") {
		t.Errorf("after the rollouts the service answers %q", out)
	}
}

func (w walk) delete(t *testing.T) {
	w.kubectl(t, "delete", "service,deployment", "hello-node")
	podsGone(t, "app=hello-node")
}

// create is the tutorial's first command.
func (w walk) create(t *testing.T) {
	w.kubectl(t, "create", "deployment", "hello-node", "--image=k8s.gcr.io/echoserver:1.4")
	w.kubectl(t, "rollout", "status", "deployment/hello-node")
	w.kubectl(t, "delete", "deployment", "hello-node")
	podsGone(t, "app=hello-node")
}
