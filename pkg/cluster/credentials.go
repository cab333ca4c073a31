package cluster

import (
	"context"
	"errors"
	"net"
	"path/filepath"

	"slowmo/pkg/pki"
)

// contextName is the name of our cluster, user and context in kubeconfigs.
const contextName = "slowmo"

// server is where everybody on this machine reaches the API server.
const server = "https://127.0.0.1:6443"

// credentials makes what is missing of the authority, the certificates and the
// kubeconfigs. Each component has an identity of its own and no right but its role's.
func (c *Cluster) credentials(context.Context) error {
	ca, err := pki.EnsureCA(c.config.PKI())
	if err != nil {
		return err
	}
	if _, err := pki.EnsureServiceAccountKey(c.config.PKI()); err != nil {
		return err
	}
	serviceIP, err := firstIP(c.config.ServiceCIDR)
	if err != nil {
		return err
	}
	here := []string{"localhost", "127.0.0.1", c.host.NodeIP.String(), c.host.NodeName}
	cluster := append([]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", serviceIP}, here...)
	for name, request := range map[string]pki.Request{
		"apiserver":                pki.Server("kube-apiserver", cluster...),
		"controller-manager":       pki.Server("kube-controller-manager", here...),
		"scheduler":                pki.Server("kube-scheduler", here...),
		"kubelet":                  pki.Server("system:node:"+c.host.NodeName, here...),
		"proxy":                    pki.Server("kube-proxy", here...),
		"apiserver-kubelet-client": pki.KubeletClient().Request(),
		"admin":                    pki.Admin().Request(),
		"prometheus":               monitoring().Request(),
	} {
		if err := ca.Ensure(c.cert(name), c.key(name), request); err != nil {
			return err
		}
	}
	var errs []error
	for name, identity := range map[string]pki.Identity{
		"admin":              pki.Admin(),
		"controller-manager": pki.ControllerManager(),
		"scheduler":          pki.Scheduler(),
		"kubelet":            pki.Node(c.host.NodeName),
		"proxy":              pki.Proxy(),
	} {
		errs = append(errs, ca.EnsureKubeconfig(c.config.Kubeconfig(name), contextName, server, identity))
	}
	return errors.Join(errs...)
}

func (c *Cluster) ca() string              { return c.cert("ca") }
func (c *Cluster) cert(name string) string { return filepath.Join(c.config.PKI(), name+".crt") }
func (c *Cluster) key(name string) string  { return filepath.Join(c.config.PKI(), name+".key") }

// firstIP is the address after the range's own, which the Service
// default/kubernetes gets.
func firstIP(cidr string) (string, error) {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil {
		return "", err
	}
	ip := network.IP
	for i := len(ip) - 1; i >= 0; i-- {
		ip[i]++
		if ip[i] != 0 {
			break
		}
	}
	return ip.String(), nil
}
