package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"slowmo/pkg/cluster"
)

// The example: its name is the Deployment's, its label's and its Service's.
const (
	example     = "hello-node"
	examplePort = "8080"
)

// answersWithin bounds the wait for an answer of something that is ready.
const answersWithin = 30 * time.Second

func hello() *cobra.Command {
	return &cobra.Command{
		Use:   "hello FILE",
		Short: "Apply the hello-node Deployment in FILE, expose it, and ask it",
		Long: `Hello makes the first steps on a cluster that is up: it applies the Deployment
hello-node with kubectl, waits until it is available, and gets an answer from its
pod and from its Service. Each command is shown as you could type it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := paths(cmd)
			if err != nil {
				return err
			}
			client, err := cluster.Client(paths)
			if err != nil {
				return fmt.Errorf("%w\nIs the cluster up? slowmo up starts it", err)
			}
			w := walk{out: cmd.OutOrStdout(), kubeconfig: paths.Kubeconfig("admin"), client: client}
			return w.run(cmd.Context(), args[0])
		},
	}
}

// walk is the first steps on a cluster.
type walk struct {
	out        io.Writer
	kubeconfig string
	client     kubernetes.Interface
}

func (w walk) run(ctx context.Context, file string) error {
	begin := time.Now()
	if err := w.kubectl(ctx, "apply", "-f", file); err != nil {
		return err
	}
	if err := w.kubectl(ctx, "rollout", "status", "deployment/"+example, "--timeout=2m"); err != nil {
		return err
	}
	podIP, err := w.podIP(ctx)
	if err != nil {
		return err
	}
	if _, err := w.curl(ctx, podIP); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "From apply to the first answer: %s.\n\n", took(time.Since(begin)))
	clusterIP, err := w.clusterIP(ctx)
	if err != nil {
		return err
	}
	answer, err := w.curl(ctx, clusterIP)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "\n%s\n\nTry next:\n", answer)
	kubectl := program("kubectl") + " --kubeconfig " + w.kubeconfig
	for _, line := range []string{"get deployments,pods,services -o wide", "describe deployment " + example, "logs deployment/" + example} {
		fmt.Fprintf(w.out, "  %s %s\n", kubectl, line)
	}
	return nil
}

// kubectl runs the kubectl beside us and shows the command and its output.
func (w walk) kubectl(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, program("kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.kubeconfig)
	cmd.Stdout, cmd.Stderr = w.out, w.out
	fmt.Fprintf(w.out, "$ kubectl %s\n", strings.Join(args, " "))
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("kubectl %s: %w", args[0], err)
	}
	w.took(begin)
	return nil
}

// podIP is the address of a ready pod of the example.
func (w walk) podIP(ctx context.Context) (string, error) {
	pods, err := w.client.CoreV1().Pods(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: "app=" + example})
	if err != nil {
		return "", err
	}
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" {
			return pod.Status.PodIP, nil
		}
	}
	return "", errors.New("the Deployment is available, but no pod of it runs: it was changed meanwhile")
}

// clusterIP is the address of the example's Service, which is made if there is none.
func (w walk) clusterIP(ctx context.Context) (string, error) {
	services := w.client.CoreV1().Services(metav1.NamespaceDefault)
	service, err := services.Get(ctx, example, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		if err := w.kubectl(ctx, "expose", "deployment", example, "--type=LoadBalancer", "--port="+examplePort); err != nil {
			return "", err
		}
		service, err = services.Get(ctx, example, metav1.GetOptions{})
	}
	if err != nil {
		return "", err
	}
	return service.Spec.ClusterIP, nil
}

// curl gets the root page of host. A refused connection is tried again for a
// while: nothing tells when the proxy has heard of a Service.
func (w walk) curl(ctx context.Context, host string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, examplePort) + "/"
	fmt.Fprintf(w.out, "$ curl %s\n", url)
	begin := time.Now()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		answer, err := get(ctx, url)
		if err == nil {
			w.took(begin)
			return answer, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return "", fmt.Errorf("%s does not answer: %w", url, err)
		}
	}
}

func (w walk) took(begin time.Time) {
	fmt.Fprintf(w.out, "  %s\n", took(time.Since(begin)))
}

// get returns the body of an answer with status 200. A try is short: packets to
// an address that nobody has yet are lost without an error.
func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("User-Agent", "slowmo")
	response, err := oneTry.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	return string(body), err
}

// oneTry keeps no connection: before the proxy has heard of a Service, whoever is
// behind the default route may answer for its address, and must not be asked again.
var oneTry = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// program is the path of a program that lies beside this one.
func program(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}
