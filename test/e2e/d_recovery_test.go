package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRecovery kills one thing after another under a running deployment.
func TestRecovery(t *testing.T) {
	kubectl(t, "apply", "-f", deployment)
	rolledOut(t, "hello-node")
	t.Cleanup(func() {
		kubectl(t, "delete", "deployment", "hello-node")
		podsGone(t, "app=hello-node")
	})
	t.Run("container", killedContainer)
	t.Run("pod", deletedPod)
	for _, process := range []string{"kubelet", "scheduler", "apiserver", "controller-manager", "proxy"} {
		t.Run(process, func(t *testing.T) { killedProcess(t, process) })
	}
}

// runningPod is what must not change while other things die.
type runningPod struct{ name, id, restarts, ip string }

func present(t *testing.T) runningPod {
	t.Helper()
	out := jsonpath(t, `{range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} {.status.podIP}{"\n"}{end}`,
		"pods", "-l", "app=hello-node")
	fields := strings.Fields(out)
	if len(fields) != 4 {
		t.Fatalf("not one pod is running: %q", out)
	}
	return runningPod{fields[0], fields[1], fields[2], fields[3]}
}

func killedContainer(t *testing.T) {
	before := present(t)
	signalContainer(t, before.ip, syscall.SIGKILL)
	eventually(t, "the container is restarted", func() error {
		if now := present(t); now.name != before.name || now.restarts != "1" || now.id == before.id {
			return fmt.Errorf("%+v became %+v", before, now)
		}
		return nil
	})
	kubectl(t, "wait", "--for=condition=Ready", "pod/"+before.name, "--timeout="+patience.String())
	curl(t, "http://"+before.ip+":8080/")
}

// signalContainer finds the echoserver's process by its network namespace's
// address and signals it.
func signalContainer(t *testing.T, ip string, signal syscall.Signal) {
	t.Helper()
	pid := echoserverAt(t, ip)
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

func echoserverAt(t *testing.T, ip string) int {
	t.Helper()
	pids, _ := exec.Command("pgrep", "-x", "echoserver").Output()
	for _, text := range strings.Fields(string(pids)) {
		addresses, _ := exec.Command("nsenter", "-t", text, "-n", "ip", "-brief", "address").Output()
		if strings.Contains(string(addresses), " "+ip+"/") {
			pid, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("no echoserver has the address %s", ip)
	return 0
}

func deletedPod(t *testing.T) {
	before := present(t)
	kubectl(t, "delete", "pod", before.name, "--grace-period=1")
	eventually(t, "another pod is ready", func() error {
		out := jsonpath(t, `{range .items[*]}{.metadata.name}={.status.containerStatuses[0].ready} {end}`, "pods", "-l", "app=hello-node")
		if strings.Contains(out, before.name) || !strings.Contains(out, "=true") {
			return errors.New(out)
		}
		return nil
	})
}

// killedProcess kills every process of that name and waits until the
// supervisor's new ones work; the container must not notice.
func killedProcess(t *testing.T, name string) {
	before := present(t)
	uptime := processAge(t, echoserverAt(t, before.ip))
	old := pidsOf(t, name)
	for _, pid := range old {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, name+" is back", func() error {
		now := pidsOf(t, name)
		if len(now) != len(old) {
			return fmt.Errorf("%d processes, there were %d", len(now), len(old))
		}
		for _, pid := range now {
			for _, dead := range old {
				if pid == dead {
					return fmt.Errorf("process %d is still there", pid)
				}
			}
		}
		return nil
	})
	if name == "apiserver" {
		eventually(t, "the API answers", func() error {
			_, stderr, err := try(t, kubectls()["ours"], "", "get", "--raw", "/readyz")
			if err != nil {
				return fmt.Errorf("%w: %s", err, stderr)
			}
			return nil
		})
	}
	// The new process must do its work, not just run: a deployment needs all of them.
	probe := "probe-" + strings.ReplaceAll(name, "-", "")
	kubectl(t, "create", "deployment", probe, "--image=k8s.gcr.io/echoserver:1.4")
	rolledOut(t, probe)
	kubectl(t, "delete", "deployment", probe)
	podsGone(t, "app="+probe)

	after := present(t)
	if after != before {
		t.Errorf("the pod changed: %+v, then %+v", before, after)
	}
	if now := processAge(t, echoserverAt(t, after.ip)); now < uptime {
		t.Errorf("the container's process was %s old and is %s old now", uptime, now)
	}
}

// pidsOf lists the cluster's processes with that binary.
func pidsOf(t *testing.T, name string) []int {
	t.Helper()
	out, _ := exec.Command("pgrep", "-f", "^"+bin+"/"+name+" ").Output()
	var pids []int
	for _, text := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func processAge(t *testing.T, pid int) time.Duration {
	t.Helper()
	out, err := exec.Command("ps", "-o", "etimes=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds) * time.Second
}

// TestLeaderElection is step 6: one of two controller-managers leads, the other
// takes over when it dies, and at once when it stops.
func TestLeaderElection(t *testing.T) {
	leader := leaderPid(t)
	killed := time.Now()
	if err := syscall.Kill(leader, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	holder := holderOf(t)
	eventually(t, "another holder", func() error {
		if now := holderOf(t); now == holder || now == "" {
			return fmt.Errorf("the holder is %q", now)
		}
		return nil
	})
	// The lease is 15 s; its renewal may be 2 s old, and candidates look every 2 s with 20 % jitter.
	if took := time.Since(killed); took > 25*time.Second {
		t.Errorf("after a kill the other took over in %s", took)
	}
	eventually(t, "two controller-managers", func() error {
		if pids := pidsOf(t, "controller-manager"); len(pids) != 2 {
			return fmt.Errorf("there are %v", pids)
		}
		return nil
	})
	transitions := transitionsOf(t)
	stopped := time.Now()
	if err := syscall.Kill(leaderPid(t), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lease changes hands", func() error {
		if now := transitionsOf(t); now <= transitions || holderOf(t) == "" {
			return fmt.Errorf("%d transitions", now)
		}
		return nil
	})
	if took := time.Since(stopped); took > 2*time.Second {
		t.Errorf("after a clean stop the other took over in %s", took)
	}
}

func holderOf(t *testing.T) string {
	t.Helper()
	return jsonpath(t, "{.spec.holderIdentity}", "lease", "kube-controller-manager", "-n", "kube-system")
}

func transitionsOf(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(jsonpath(t, "{.spec.leaseTransitions}", "lease", "kube-controller-manager", "-n", "kube-system"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// leaderPid asks both processes' metrics which one leads.
func leaderPid(t *testing.T) int {
	t.Helper()
	for _, pid := range pidsOf(t, "controller-manager") {
		if strings.Contains(scrape(t, portOf(t, pid), "/metrics"), `leader_election_master_status{name="kube-controller-manager"} 1`) {
			return pid
		}
	}
	t.Fatal("no controller-manager leads")
	return 0
}
