package cluster

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

func TestPortsFree(t *testing.T) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	err = portsFree([]int{port})
	for _, part := range []string{fmt.Sprintf("port %d is taken", port), fmt.Sprintf("(process %d)", os.Getpid())} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not say %q", err, part)
		}
	}
	listener.Close()
	if err := portsFree([]int{port}); err != nil {
		t.Errorf("a free port: %v", err)
	}
}

func TestFirstIP(t *testing.T) {
	for cidr, want := range map[string]string{"10.96.0.0/16": "10.96.0.1", "10.0.0.255/8": "10.0.0.1", "fd00::/108": "fd00::1"} {
		if got, err := firstIP(cidr); err != nil || got != want {
			t.Errorf("firstIP(%s) = %s, %v, want %s", cidr, got, err, want)
		}
	}
	if _, err := firstIP("10.96.0.0"); err == nil {
		t.Error("an address without a mask is a range")
	}
}

func TestPathsOfTwoRoots(t *testing.T) {
	main, err := NewPaths(DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewPaths("/tmp/" + strings.Repeat("long/", 40))
	if err != nil {
		t.Fatal(err)
	}
	if main.Run != "/run/slowmo" || other.Run == main.Run {
		t.Errorf("run folders %s and %s", main.Run, other.Run)
	}
	if len(other.ContainerdSocket()+".ttrpc") > 107 {
		t.Errorf("%s is too long for a socket", other.ContainerdSocket())
	}
}

func TestTailIsOfThisRun(t *testing.T) {
	file := t.TempDir() + "/log"
	if err := os.WriteFile(file, []byte("old\n1\n2\n3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from  int64
		lines int
		want  string
	}{{0, 2, "2\n3"}, {4, 5, "1\n2\n3"}, {8, 1, "3"}, {10, 5, ""}} {
		if got := tail(file, test.from, test.lines); got != test.want {
			t.Errorf("tail from %d, %d lines: %q, want %q", test.from, test.lines, got, test.want)
		}
	}
}
