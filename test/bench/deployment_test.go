package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"slowmo/pkg/cluster"
	"slowmo/test/live"
)

const image = "k8s.gcr.io/echoserver:1.4"

// peer holds the figures of Kubernetes 1.37.2 (kube-apiserver with a separate
// etcd, containerd 1.6) on a machine with 2 cores, for what cannot run beside us here.
var peer = struct {
	ready, firstAnswer, gone time.Duration
	memoryMiB                float64
}{ready: 2600 * time.Millisecond, firstAnswer: 314 * time.Millisecond, gone: 3700 * time.Millisecond, memoryMiB: 504}

// shared is the cluster of the benchmarks that need one, once one of them has run.
var shared *live.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	code := m.Run()
	if shared == nil {
		return code
	}
	if out, err := shared.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, out, err)
		code = 1
	}
	return code
}

// theCluster is brought up by the first benchmark that asks for it: those of the
// API server alone want the machine for themselves.
func theCluster(b *testing.B) *live.Cluster {
	b.Helper()
	if shared == nil {
		var err error
		if shared, err = live.Start(); err != nil {
			b.Fatal(err)
		}
	}
	return shared
}

const rounds = 10

// BenchmarkFirstAnswer takes turns: a Deployment through the whole cluster, and
// the same container by bare CRI calls, each until its first HTTP answer, and
// then each until it is gone.
func BenchmarkFirstAnswer(b *testing.B) {
	config, err := theCluster(b).Config()
	if err != nil {
		b.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	cri := newBare(b, socket(b))
	var through, direct, gone, removed []time.Duration
	for range b.N {
		for round := range rounds {
			ours, left := viaDeployment(b, client, round)
			theirs, away := viaCRI(b, cri, round)
			through, gone = append(through, ours), append(gone, left)
			direct, removed = append(direct, theirs), append(removed, away)
		}
	}
	b.ReportMetric(0, "ns/op")
	report(b, "answer", through)
	report(b, "bare-answer", direct)
	report(b, "gone-after-grace", gone)
	report(b, "bare-gone", removed)
	b.ReportMetric(float64(median(through))/float64(median(direct)), "x-bare")
	fmt.Printf("Deployment created to first HTTP answer: %s, bare CRI calls %s, ratio %.2f (wanted: at most 1.15); upstream %s\n",
		ms(median(through)), ms(median(direct)), float64(median(through))/float64(median(direct)), ms(peer.firstAnswer))
	fmt.Printf("Deployment deleted to pod gone, beyond the grace of 1 s: %s (wanted: at most 400 ms); bare CRI stop and remove %s; upstream %s\n",
		ms(median(gone)), ms(median(removed)), ms(peer.gone-time.Second))
}

// socket is the cluster's containerd.
func socket(b *testing.B) string {
	b.Helper()
	paths, err := cluster.NewPaths(theCluster(b).Root)
	if err != nil {
		b.Fatal(err)
	}
	return paths.ContainerdSocket()
}

// viaDeployment returns the time to the first answer, and the time from
// deletion to the pod's end less its grace period, which the container uses up
// because it ignores TERM.
func viaDeployment(b *testing.B, client kubernetes.Interface, round int) (answered, gone time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := fmt.Sprintf("bench-%d", round)
	pods, err := client.CoreV1().Pods("default").Watch(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil {
		b.Fatal(err)
	}
	defer pods.Stop()
	begin := time.Now()
	if _, err := client.AppsV1().Deployments("default").Create(ctx, deployment(name), metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
	ip := until(b, pods, func(event watch.Event) string { return event.Object.(*corev1.Pod).Status.PodIP })
	fetch(b, ip)
	answered = time.Since(begin)

	background := metav1.DeletePropagationBackground
	begin = time.Now()
	if err := client.AppsV1().Deployments("default").Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
		b.Fatal(err)
	}
	until(b, pods, func(event watch.Event) string {
		if event.Type == watch.Deleted {
			return "gone"
		}
		return ""
	})
	return answered, time.Since(begin) - time.Second
}

func viaCRI(b *testing.B, cri bare, round int) (answered, gone time.Duration) {
	b.Helper()
	begin := time.Now()
	ip, remove, err := cri.start(context.Background(), round)
	if err != nil {
		b.Fatal(err)
	}
	fetch(b, ip)
	answered = time.Since(begin)
	begin = time.Now()
	if err := remove(); err != nil {
		b.Fatal(err)
	}
	return answered, time.Since(begin)
}

// deployment asks for one replica that ignores TERM, with one second of grace.
func deployment(name string) *appsv1.Deployment {
	one, grace := int32(1), int64(1)
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{{
					Name: name, Image: image, Args: []string{"--ignore-term"}}}}}}}
}

// until returns the first non-empty answer of find over the watch's events.
func until(b *testing.B, events watch.Interface, find func(watch.Event) string) string {
	b.Helper()
	for event := range events.ResultChan() {
		if found := find(event); found != "" {
			return found
		}
	}
	b.Fatal("the watch ended before what was waited for")
	return ""
}

// fetch asks until there is an answer. The container's own start is the only
// thing it waits for, a few milliseconds of refused connections.
func fetch(b *testing.B, ip string) {
	b.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if answer, err := client.Get("http://" + ip + ":8080/"); err == nil {
			answer.Body.Close()
			return
		}
	}
	b.Fatalf("http://%s:8080/ never answered", ip)
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func report(b *testing.B, name string, all []time.Duration) {
	b.ReportMetric(float64(median(all).Microseconds())/1000, name+"-ms")
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000) }
