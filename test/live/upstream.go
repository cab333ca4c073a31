package live

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// StartUpstream starts the real etcd on a data folder and the real kube-apiserver
// on it, as an installer would: fsync on, Node and RBAC authorization. dir is for
// the server's key; flags are what the server is given beside. Both are killed when
// the test ends, and whoever stops them earlier stops the store last.
func StartUpstream(t testing.TB, etcd, server, data, dir string, flags ...string) (main, store *exec.Cmd) {
	t.Helper()
	clients, peers := fmt.Sprintf("http://127.0.0.1:%d", FreePort(t)), fmt.Sprintf("http://127.0.0.1:%d", FreePort(t))
	store = Launch(t, etcd, "--data-dir", data, "--log-level", "error",
		"--listen-client-urls", clients, "--advertise-client-urls", clients,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)
	key := filepath.Join(dir, "sa.key")
	writeKey(t, key)
	main = Launch(t, server, append(flags, "--etcd-servers", clients, "--authorization-mode", "Node,RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key, "--service-account-signing-key-file", key)...)
	return main, store
}

// Launch starts a program, which is killed when the test ends; if that failed, the
// last of what the program wrote is shown.
func Launch(t testing.TB, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text := log.String()
			t.Logf("%s:\n%s", program, text[max(0, len(text)-2000):])
		}
	})
	return cmd
}

func writeKey(t testing.TB, path string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
}
