package bench

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"slowmo/test/live"
)

// BenchmarkAPIServerReady measures from exec to /readyz, with an empty store,
// the embedded etcd, and every certificate still to be made.
func BenchmarkAPIServerReady(b *testing.B) {
	var took []time.Duration
	for range b.N {
		for range rounds {
			took = append(took, startServer(b))
		}
	}
	b.ReportMetric(0, "ns/op")
	report(b, "ready", took)
	fmt.Printf("apiserver with etcd, exec to /readyz: %s (wanted: under 1 s); upstream %s without etcd\n", ms(median(took)), ms(peer.ready))
}

func startServer(b *testing.B) time.Duration {
	b.Helper()
	dir := b.TempDir()
	port := live.FreePort(b)
	cmd := exec.Command(filepath.Join(live.Bin, "apiserver"), "--data-dir", filepath.Join(dir, "data"),
		"--cert-dir", filepath.Join(dir, "certs"), "--secure-port", strconv.Itoa(port))
	var log bytes.Buffer
	cmd.Stderr = &log
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for time.Since(begin) < 30*time.Second {
		if answer, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d/readyz", port)); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return time.Since(begin)
			}
		}
		time.Sleep(time.Millisecond) // before it listens there is nothing to wait on
	}
	b.Fatalf("never ready:\n%s", log.String())
	return 0
}

// BenchmarkIdle measures the memory and CPU of the control plane while nobody
// asks for anything.
func BenchmarkIdle(b *testing.B) {
	const window = 10 * time.Second
	plane := []string{"apiserver", "controller-manager", "scheduler"}
	theCluster(b)
	for range b.N {
		before := ticks(b, plane)
		time.Sleep(window) // the measurement is of a span of time
		spent := float64(ticks(b, plane)-before) / 100 / window.Seconds() * 100
		total := 0.0
		for _, name := range plane {
			for _, pid := range pids(name) {
				resident := residentMiB(b, pid)
				total += resident
				fmt.Printf("%-20s %6.1f MiB resident\n", name, resident)
			}
		}
		b.ReportMetric(total, "MiB")
		b.ReportMetric(spent, "%cpu")
		fmt.Printf("control plane at idle, etcd included: %.0f MiB (wanted: under 150), %.1f %% of a core; upstream %.0f MiB\n", total, spent, peer.memoryMiB)
		for _, pid := range pids("kubelet") {
			fmt.Printf("%-20s %6.1f MiB resident\n", "kubelet", residentMiB(b, pid))
		}
	}
	b.ReportMetric(0, "ns/op")
}

func pids(name string) []string {
	out, _ := exec.Command("pgrep", "-f", "^"+filepath.Join(live.Bin, name)+" ").Output()
	return strings.Fields(string(out))
}

func residentMiB(b *testing.B, pid string) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// ticks sums the CPU time of the processes in hundredths of a second.
func ticks(b *testing.B, names []string) int {
	b.Helper()
	sum := 0
	for _, name := range names {
		for _, pid := range pids(name) {
			sum += ticksOf(b, pid)
		}
	}
	return sum
}

func ticksOf(b *testing.B, pid string) int {
	b.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields, sum := strings.Fields(rest), 0
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return sum
}
