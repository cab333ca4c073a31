package component

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"

	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestFlagsSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		args  []string
		want  string
		usage bool
	}{
		{nil, "", false},
		{[]string{"--v=3", "--feature-gates=A=true"}, "", false},
		{[]string{"--version"}, "done", false},
		{[]string{"--nonsense"}, "unknown flag: --nonsense", true},
		{[]string{"--v=high"}, "invalid argument", true},
		{[]string{"stray"}, `unexpected argument "stray"`, true},
		{[]string{"--feature-gates=A=maybe"}, "neither true nor false", true},
	} {
		flags := NewFlags("kube-test", "tests")
		var out bytes.Buffer
		flags.out = &out
		err := flags.Parse(c.args)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: error %v, want %q", c.args, err, c.want)
		}
		var usage *UsageError
		if errors.As(err, &usage) != c.usage {
			t.Errorf("%q: usage error %v, want %v", c.args, !c.usage, c.usage)
		}
	}
}

func TestHelpListsTheFlags(t *testing.T) {
	flags := NewFlags("kube-test", "tests")
	NewServing("kube-test", 1).AddTo(flags)
	NewElection("kube-test").AddTo(flags)
	var out bytes.Buffer
	flags.out = &out
	if err := flags.Parse([]string{"--help"}); err == nil {
		t.Fatal("--help did not end the run")
	}
	for _, want := range []string{"--v", "--vmodule", "--kubeconfig", "--secure-port", "--leader-elect-retry-period", "(default 2s)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %s", want)
		}
	}
}

func TestClientConfigNamesTheFlag(t *testing.T) {
	flags := NewFlags("kube-test", "tests")
	if err := flags.Parse([]string{"--kubeconfig", filepath.Join(t.TempDir(), "absent")}); err != nil {
		t.Fatal(err)
	}
	if _, err := flags.ClientConfig(); err == nil || !strings.Contains(err.Error(), "--kubeconfig") {
		t.Errorf("error %v does not name --kubeconfig", err)
	}
}

func TestHealth(t *testing.T) {
	handler := HealthHandler("readyz", Ping, Check{"bad", func(context.Context) error { return errors.New("no disk") }})
	for path, want := range map[string]string{
		"/readyz":                     "500 [+]ping ok\n[-]bad failed: no disk\nreadyz check failed\n",
		"/readyz?exclude=bad":         "200 ok",
		"/readyz?verbose&exclude=bad": "200 [+]ping ok\n[+]bad excluded: ok\nreadyz check passed\n",
		"/readyz/ping":                "200 ok",
		"/readyz/bad":                 "500 internal server error: no disk\n",
		"/readyz/other":               "404 404 page not found\n",
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if got := fmt.Sprint(answer.Code, " ", answer.Body); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestListenNamesTheFlagWhenThePortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	serving := NewServing("kube-test", taken.Addr().(*net.TCPAddr).Port)
	serving.BindAddress = "127.0.0.1"
	if _, err := serving.Listen(); err == nil || !strings.Contains(err.Error(), "--secure-port") {
		t.Errorf("error %v does not name --secure-port", err)
	}
}

func TestStartedTellsTheSupervisor(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	if err := Started(); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 32)
	n, err := socket.Read(buffer)
	if err != nil || string(buffer[:n]) != "READY=1\n" {
		t.Errorf("the supervisor read %q, %v", buffer[:n], err)
	}
}
