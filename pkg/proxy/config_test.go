package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	const head = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
	for _, c := range []struct{ name, text, err string }{
		{"all that is read", head + "mode: nftables\nclusterCIDR: 10.1.0.0/16,fd00::/56\nhostnameOverride: node1\nnftables: {syncPeriod: 1m}\n", ""},
		{"unknown field", head + "conntrack: {}\n", `unknown field "conntrack"`},
		{"another kind", "apiVersion: v1\nkind: Pod\n", `it is "Pod" of "v1"`},
		{"no range", head + "clusterCIDR: here\n", `"here" is not a range`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			config := NewConfig()
			err := config.Load(path)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v, want %q", err, c.err)
			}
			if c.err == "" && (len(config.settings()) != 2 || config.NodeName != "node1") {
				t.Errorf("got %+v", config)
			}
		})
	}
}

func TestComplete(t *testing.T) {
	config := NewConfig()
	config.Mode = "iptables"
	if err := config.Complete(); err == nil || !strings.Contains(err.Error(), "--proxy-mode=nftables") {
		t.Errorf("got %v", err)
	}
	config = NewConfig()
	config.NodeName = " Node1 "
	if err := config.Complete(); err != nil || config.NodeName != "node1" {
		t.Errorf("%q, %v", config.NodeName, err)
	}
}
