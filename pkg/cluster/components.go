package cluster

import (
	"fmt"
	"path/filepath"
	"time"
)

// The names of the processes, which are their programs' too.
const (
	apiserver         = "apiserver"
	controllerManager = "controller-manager"
	scheduler         = "scheduler"
	kubelet           = "kubelet"
	proxy             = "proxy"
)

// component is one of our programs, started with upstream's flags.
func (c *Cluster) component(program, name string, args ...string) Process {
	return Process{
		Name:   name,
		Args:   append([]string{filepath.Join(c.config.Bin, program)}, args...),
		Log:    c.config.Log(name),
		Notify: c.config.notify(name),
		Grace:  10 * time.Second,
	}
}

func (c *Cluster) apiserver() Process {
	return c.component(apiserver, apiserver,
		"--data-dir="+c.config.Etcd(),
		"--cert-dir="+c.config.PKI(),
		"--secure-port=6443",
		"--advertise-address="+c.host.NodeIP.String(),
		"--client-ca-file="+c.ca(),
		"--tls-cert-file="+c.cert("apiserver"),
		"--tls-private-key-file="+c.key("apiserver"),
		"--kubelet-client-certificate="+c.cert("apiserver-kubelet-client"),
		"--kubelet-client-key="+c.key("apiserver-kubelet-client"),
		"--kubelet-certificate-authority="+c.ca(),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+filepath.Join(c.config.PKI(), "sa.pub"),
		"--service-account-signing-key-file="+c.key("sa"),
		"--service-cluster-ip-range="+c.config.ServiceCIDR,
		"--authorization-mode=Node,RBAC",
		"--allow-privileged",
		"--audit-log-path="+c.config.AuditLog,
	)
}

// secondControllerManager is the port of the one that waits for the first to
// fail: upstream has none for it.
const secondControllerManager = 10254

// controllerManager is one of the two that elect a leader.
func (c *Cluster) controllerManager(n int) Process {
	port := 10257
	if n == 2 {
		port = secondControllerManager
	}
	kubeconfig := c.config.Kubeconfig(controllerManager)
	return c.component(controllerManager, fmt.Sprintf("%s-%d", controllerManager, n),
		fmt.Sprintf("--secure-port=%d", port),
		"--kubeconfig="+kubeconfig,
		"--client-ca-file="+c.ca(),
		"--tls-cert-file="+c.cert(controllerManager),
		"--tls-private-key-file="+c.key(controllerManager),
		"--root-ca-file="+c.ca(),
		"--use-service-account-credentials",
		"--cluster-cidr="+c.config.PodCIDR,
	)
}

func (c *Cluster) scheduler() Process {
	return c.component(scheduler, scheduler,
		"--kubeconfig="+c.config.Kubeconfig(scheduler),
		"--client-ca-file="+c.ca(),
		"--tls-cert-file="+c.cert(scheduler),
		"--tls-private-key-file="+c.key(scheduler),
	)
}

func (c *Cluster) kubelet() Process {
	return c.component(kubelet, kubelet,
		"--kubeconfig="+c.config.Kubeconfig(kubelet),
		"--hostname-override="+c.host.NodeName,
		"--node-ip="+c.host.NodeIP.String(),
		"--root-dir="+c.config.Kubelet(),
		"--container-runtime-endpoint=unix://"+c.config.ContainerdSocket(),
		"--cni-conf-dir="+c.config.CNI(),
		"--slowmo-bridge="+bridge,
		"--pod-logs-dir="+filepath.Join(c.config.PodLogs(), "pods"),
		"--container-logs-dir="+filepath.Join(c.config.PodLogs(), "containers"),
		"--client-ca-file="+c.ca(),
		"--tls-cert-file="+c.cert(kubelet),
		"--tls-private-key-file="+c.key(kubelet),
	)
}

func (c *Cluster) proxy() Process {
	return c.component(proxy, proxy,
		"--kubeconfig="+c.config.Kubeconfig(proxy),
		"--hostname-override="+c.host.NodeName,
		"--cluster-cidr="+c.config.PodCIDR,
		"--proxy-mode=nftables",
	)
}
