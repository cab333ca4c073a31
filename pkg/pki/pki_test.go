package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func newCA(t *testing.T) (*CA, string) {
	t.Helper()
	dir := t.TempDir()
	ca, err := EnsureCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ca, dir
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEnsureKeepsWhatIsGood(t *testing.T) {
	ca, dir := newCA(t)
	cert, key := filepath.Join(dir, "apiserver.crt"), filepath.Join(dir, "apiserver.key")
	request := Server("kube-apiserver", "localhost", "10.96.0.1")
	ensure := func(ca *CA, r Request) string {
		t.Helper()
		if err := ca.Ensure(cert, key, r); err != nil {
			t.Fatal(err)
		}
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			t.Fatal(err)
		}
		return read(t, cert)
	}
	first := ensure(ca, request)
	again, err := EnsureCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	if ensure(again, request) != first {
		t.Error("a good certificate was made anew")
	}
	if ensure(ca, Server("kube-apiserver", "localhost", "10.96.0.1", "192.0.2.7")) == first {
		t.Error("a certificate without the new address was kept")
	}
	present := read(t, cert)
	stranger, _ := newCA(t)
	if ensure(stranger, Server("kube-apiserver", "localhost")) == present {
		t.Error("a certificate of another authority was kept")
	}
	other, err := stranger.Issue(request)
	if err != nil {
		t.Fatal(err)
	}
	present = read(t, cert)
	if err := os.WriteFile(key, other.Key, 0o600); err != nil {
		t.Fatal(err)
	}
	if ensure(stranger, Server("kube-apiserver", "localhost")) == present {
		t.Error("a certificate with another's key was kept")
	}
	for file, mode := range map[string]os.FileMode{cert: 0o644, key: 0o600, dir + "/ca.crt": 0o644, dir + "/ca.key": 0o600} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", filepath.Base(file), info.Mode().Perm(), mode)
		}
	}
}

func TestCertificatesVerify(t *testing.T) {
	ca, _ := newCA(t)
	verify := func(r Request, usage x509.ExtKeyUsage, host string) error {
		t.Helper()
		pair, err := ca.Issue(r)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := ParseCertificate(pair.Cert)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cert.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{usage}, DNSName: host})
		return err
	}
	if err := verify(Server("x", "127.0.0.1"), x509.ExtKeyUsageServerAuth, "127.0.0.1"); err != nil {
		t.Error(err)
	}
	if err := verify(Admin().Request(), x509.ExtKeyUsageClientAuth, ""); err != nil {
		t.Error(err)
	}
	if verify(Server("x", "127.0.0.1"), x509.ExtKeyUsageClientAuth, "") == nil {
		t.Error("a serving certificate is good for a client")
	}
}

func TestHalfAnAuthorityIsAnError(t *testing.T) {
	_, dir := newCA(t)
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := EnsureCA(dir); err == nil {
		t.Error("a new authority was made beside an old certificate")
	}
}

func TestServiceAccountKeyStays(t *testing.T) {
	dir := t.TempDir()
	first, err := EnsureServiceAccountKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := EnsureServiceAccountKey(dir)
	if err != nil || !samePublicKey(first.Public(), second.Public()) {
		t.Fatalf("another key: %v", err)
	}
	keys, err := LoadPublicKeys(filepath.Join(dir, "sa.pub"))
	if err != nil || len(keys) != 1 || !samePublicKey(keys[0], first.Public()) {
		t.Errorf("sa.pub holds %d keys, %v", len(keys), err)
	}
}

func TestKubeconfig(t *testing.T) {
	ca, dir := newCA(t)
	file := filepath.Join(dir, "scheduler.conf")
	const server = "https://127.0.0.1:6443"
	for range 2 {
		if err := ca.EnsureKubeconfig(file, "slowmo", server, Scheduler()); err != nil {
			t.Fatal(err)
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil || config.Host != server || len(config.CertData) == 0 {
		t.Fatalf("config %v, %v", config, err)
	}
	first := read(t, file)
	if err := ca.EnsureKubeconfig(file, "slowmo", server, Scheduler()); err != nil || read(t, file) != first {
		t.Errorf("a good kubeconfig was written anew (%v)", err)
	}
	if err := ca.EnsureKubeconfig(file, "slowmo", "https://192.0.2.1:6443", Scheduler()); err != nil || read(t, file) == first {
		t.Errorf("a kubeconfig of another server was kept (%v)", err)
	}
}

func TestMergeAndRemove(t *testing.T) {
	ca, dir := newCA(t)
	file := filepath.Join(dir, "home", "config")
	pair, err := ca.Issue(Admin().Request())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"other", "slowmo"} {
		if err := (Kubeconfig{Name: name, Server: "https://" + name, CA: ca.PEM, Pair: pair}).Merge(file); err != nil {
			t.Fatal(err)
		}
	}
	config, err := clientcmd.LoadFromFile(file)
	if err != nil || len(config.Clusters) != 2 || config.CurrentContext != "slowmo" {
		t.Fatalf("after merging: %+v, %v", config, err)
	}
	if err := RemoveKubeconfig(file, "slowmo"); err != nil {
		t.Fatal(err)
	}
	config, err = clientcmd.LoadFromFile(file)
	if err != nil || len(config.Clusters) != 1 || config.Clusters["other"] == nil || config.CurrentContext != "" {
		t.Errorf("after removing: %+v, %v", config, err)
	}
}
