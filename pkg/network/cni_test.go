package network

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteCNI(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net.d")
	b := Bridge{Name: "cni0", Subnets: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/24")}, DataDir: "/data"}
	for _, want := range []bool{true, false} {
		if changed, err := WriteCNI(dir, b); err != nil || changed != want {
			t.Fatalf("changed %v, %v, want %v", changed, err, want)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, confFile))
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "cniVersion": "1.0.0",
  "name": "slowmo",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isDefaultGateway": true,
      "ipMasq": false,
      "hairpinMode": true,
      "ipam": {
        "type": "host-local",
        "dataDir": "/data",
        "ranges": [
          [
            {
              "subnet": "10.1.2.0/24"
            }
          ]
        ]
      }
    }
  ]
}`
	if string(got) != want {
		t.Errorf("wrote %s", got)
	}
	b.Subnets = append(b.Subnets, netip.MustParsePrefix("fd00::/64"))
	if changed, err := WriteCNI(dir, b); err != nil || !changed {
		t.Errorf("a second family: changed %v, %v", changed, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
	if _, err := WriteCNI(dir, Bridge{Name: "x"}); err == nil {
		t.Error("a bridge without a subnet was accepted")
	}
}
