package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
)

// Bridge is how the pods of a node are attached: each to a bridge that has the
// first address of the node's pod CIDRs and is the pods' gateway. It uses the
// reference plugins bridge and host-local, and no other: masquerading and host
// ports are the proxy's, which saves a pod's start the time of the firewall and
// portmap plugins.
//
// https://www.cni.dev/plugins/current/main/bridge/
type Bridge struct {
	Name    string         // of the link: "cni0"
	Subnets []netip.Prefix // the node's pod CIDRs, one or one of each family
	DataDir string         // where host-local keeps which addresses are taken
	MTU     int            // 0: the kernel's default
}

// confFile sorts before what else may be in the directory: runtimes take the
// first.
const confFile = "10-slowmo.conflist"

// The parts of a network configuration list that are used here.
// https://www.cni.dev/docs/spec/#configuration-format
type (
	confList struct {
		CNIVersion string   `json:"cniVersion"`
		Name       string   `json:"name"`
		Plugins    []plugin `json:"plugins"`
	}
	plugin struct {
		Type             string `json:"type"`
		Bridge           string `json:"bridge"`
		IsDefaultGateway bool   `json:"isDefaultGateway"`
		IPMasq           bool   `json:"ipMasq"`
		HairpinMode      bool   `json:"hairpinMode"`
		MTU              int    `json:"mtu,omitempty"`
		IPAM             ipam   `json:"ipam"`
	}
	ipam struct {
		Type    string    `json:"type"`
		DataDir string    `json:"dataDir,omitempty"`
		Ranges  [][]entry `json:"ranges"`
	}
	entry struct {
		Subnet string `json:"subnet"`
	}
)

// WriteCNI makes dir say that pods attach to the bridge. Nothing is written when
// nothing differs; changed tells. A reader sees the old or the new file whole.
func WriteCNI(dir string, b Bridge) (changed bool, err error) {
	if len(b.Subnets) == 0 || b.Name == "" {
		return false, errors.New("the bridge needs a name and the node's pod CIDR")
	}
	p := plugin{
		Type: "bridge", Bridge: b.Name, IsDefaultGateway: true, HairpinMode: true, MTU: b.MTU,
		IPAM: ipam{Type: "host-local", DataDir: b.DataDir},
	}
	for _, s := range b.Subnets {
		p.IPAM.Ranges = append(p.IPAM.Ranges, []entry{{Subnet: s.Masked().String()}})
	}
	text, err := json.MarshalIndent(confList{CNIVersion: "1.0.0", Name: "slowmo", Plugins: []plugin{p}}, "", "  ")
	if err != nil {
		return false, err
	}
	path := filepath.Join(dir, confFile)
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, text) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	// Not *.conflist, so that nobody reads it before it is whole.
	next := path + ".tmp"
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return false, fmt.Errorf("CNI configuration: %w", err)
	}
	return true, os.Rename(next, path)
}
