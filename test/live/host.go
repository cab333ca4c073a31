package live

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// HostState lists what a cluster could leave behind on a host: processes,
// mounts, links, routes, nft tables, network namespaces, cgroups and sockets, each as a line.
func HostState() []string {
	var state []string
	add := func(kind string, lines ...string) {
		for _, line := range lines {
			if line = strings.TrimSpace(line); line != "" {
				state = append(state, kind+": "+line)
			}
		}
	}
	add("process", processes()...)
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			add("mount", fields[4])
		}
	}
	add("link", command("ip", "-brief", "link")...)
	add("route", command("ip", "route")...)
	add("nft table", command("nft", "list", "tables")...)
	add("network namespace", command("ip", "netns", "list")...)
	cgroups, _ := filepath.Glob("/sys/fs/cgroup/*/kube*")
	more, _ := filepath.Glob("/sys/fs/cgroup/kube*")
	add("cgroup", append(cgroups, more...)...)
	runs, _ := filepath.Glob("/run/slowmo*")
	add("run folder", runs...)
	return state
}

// processes lists the command lines of what is ours or runs for us.
func processes() []string {
	ours := regexp.MustCompile(regexp.QuoteMeta(Bin) + `/|containerd|runc|/pause\b|echoserver`)
	var found []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		text, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		line := strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
		if ours.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

func command(name string, args ...string) []string {
	out, _ := exec.Command(name, args...).Output()
	return strings.Split(string(out), "\n")
}

// LeftBehind returns the lines of after that before had not.
func LeftBehind(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(line string) bool { return slices.Contains(before, line) })
}
