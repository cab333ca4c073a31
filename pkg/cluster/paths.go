package cluster

import (
	"fmt"
	"hash/fnv"
	"path/filepath"
)

// DefaultRoot is where a cluster keeps what outlives a reboot.
const DefaultRoot = "/var/lib/slowmo"

// Paths names every file and folder of a cluster. Only Root is given.
type Paths struct {
	Root string // what outlives a reboot
	Run  string // what does not: sockets, state, mounts; short, since a socket's path may have 107 bytes
}

// NewPaths lays a cluster out under root. The default root has its run folder
// at /run/slowmo; any other root gets one of its own.
func NewPaths(root string) (Paths, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return Paths{}, err
	}
	run := "/run/slowmo"
	if root != DefaultRoot {
		hash := fnv.New32a()
		hash.Write([]byte(root))
		run = fmt.Sprintf("/run/slowmo-%08x", hash.Sum32())
	}
	return Paths{Root: root, Run: run}, nil
}

// PKI holds the authority, certificates and keys.
func (p Paths) PKI() string { return filepath.Join(p.Root, "pki") }

// Etcd is the data folder of the API server's embedded member.
func (p Paths) Etcd() string { return filepath.Join(p.Root, "etcd") }

// Kubelet is the kubelet's --root-dir.
func (p Paths) Kubelet() string { return filepath.Join(p.Root, "kubelet") }

// Prometheus is the scrape configuration, with this cluster's certificates.
func (p Paths) Prometheus() string { return filepath.Join(p.Root, "prometheus.yml") }

// Kubeconfig is the file that component or "admin" reaches the API server with.
func (p Paths) Kubeconfig(user string) string { return filepath.Join(p.Root, user+".kubeconfig") }

// Log is the file that the output of the process called name goes to.
func (p Paths) Log(name string) string { return filepath.Join(p.Root, "logs", name+".log") }

// PodLogs holds the logs of pods, in folders that are named as below /var/log.
func (p Paths) PodLogs() string { return filepath.Join(p.Root, "logs") }

// Containerd is the persistent folder of the cluster's own containerd.
func (p Paths) Containerd() string { return filepath.Join(p.Root, "containerd") }

// ContainerdState is the transient folder of the cluster's own containerd.
func (p Paths) ContainerdState() string { return filepath.Join(p.Run, "containerd") }

// ContainerdSocket is where the cluster's own containerd listens.
func (p Paths) ContainerdSocket() string { return filepath.Join(p.Run, "containerd.sock") }

// CNI is the folder of the network configuration that containerd reads.
func (p Paths) CNI() string { return filepath.Join(p.Root, "cni", "net.d") }

// Control is the socket on which the supervisor answers status and progress.
func (p Paths) Control() string { return filepath.Join(p.Run, "slowmo.sock") }

// State is the file that says what runs.
func (p Paths) State() string { return filepath.Join(p.Run, "state.json") }

// notify is the socket on which the process called name says that it is ready.
func (p Paths) notify(name string) string { return filepath.Join(p.Run, name+".notify") }
