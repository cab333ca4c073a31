package apiserver

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"

	"slowmo/pkg/component"
	"slowmo/pkg/pki"
)

// identity is what the server shows and what it trusts: given by flags, or made
// in --cert-dir.
type identity struct {
	ca        *pki.CA // nil when --client-ca-file names another authority
	clientCA  []byte  // PEM of what signs client certificates
	roots     *x509.CertPool
	serving   tls.Certificate
	signing   crypto.Signer // of service account tokens
	verifying []crypto.PublicKey

	kubeletClient tls.Certificate // what kubelets are shown; may be empty
	kubeletCA     *x509.CertPool  // nil trusts any kubelet
}

// newIdentity reads or makes everything. first is the address of the service
// "kubernetes", which the serving certificate must be good for.
func (o *Options) newIdentity(advertised, first netip.Addr) (*identity, error) {
	id := &identity{}
	if err := id.trust(o); err != nil {
		return nil, err
	}
	if err := id.show(o, advertised, first); err != nil {
		return nil, err
	}
	if err := id.sign(o); err != nil {
		return nil, err
	}
	if err := id.meetKubelets(o); err != nil {
		return nil, err
	}
	if id.ca == nil {
		return id, nil
	}
	server := "https://" + net.JoinHostPort(o.local(), fmt.Sprint(o.SecurePort))
	return id, id.ca.EnsureKubeconfig(o.inCertDir("admin.kubeconfig"), "slowmo", server, pki.Admin())
}

// local is the address at which this host reaches the server.
func (o *Options) local() string {
	if addr, err := netip.ParseAddr(o.BindAddress); err == nil && !addr.IsUnspecified() {
		return o.BindAddress
	}
	return "127.0.0.1"
}

func (id *identity) trust(o *Options) (err error) {
	if o.ClientCAFile == "" || o.TLSCertFile == "" {
		if id.ca, err = pki.EnsureCA(o.CertDir); err != nil {
			return err
		}
		id.clientCA = id.ca.PEM
	}
	if o.ClientCAFile != "" {
		if id.clientCA, err = os.ReadFile(o.ClientCAFile); err != nil {
			return component.Usagef("--client-ca-file: %w", err)
		}
		if id.ca != nil && string(id.ca.PEM) != string(id.clientCA) {
			id.ca = nil // what it signs would not be let in
		}
	}
	id.roots = x509.NewCertPool()
	if !id.roots.AppendCertsFromPEM(id.clientCA) {
		return component.Usagef("--client-ca-file %s holds no PEM certificate", o.ClientCAFile)
	}
	return nil
}

func (id *identity) show(o *Options, advertised, first netip.Addr) (err error) {
	if o.TLSCertFile != "" {
		if id.serving, err = tls.LoadX509KeyPair(o.TLSCertFile, o.TLSKeyFile); err != nil {
			return component.Usagef("--tls-cert-file and --tls-private-key-file: %w", err)
		}
		return nil
	}
	ca := id.ca
	if ca == nil {
		if ca, err = pki.EnsureCA(o.CertDir); err != nil {
			return err
		}
	}
	hosts := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", "::1", advertised.String(), first.String()}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	cert, key := o.inCertDir("apiserver.crt"), o.inCertDir("apiserver.key")
	if err := ca.Ensure(cert, key, pki.Server("kube-apiserver", hosts...)); err != nil {
		return err
	}
	id.serving, err = tls.LoadX509KeyPair(cert, key)
	return err
}

func (id *identity) sign(o *Options) (err error) {
	if o.ServiceAccountSigning == "" {
		id.signing, err = pki.EnsureServiceAccountKey(o.CertDir)
	} else if id.signing, err = pki.LoadKey(o.ServiceAccountSigning); err != nil {
		err = component.Usagef("--service-account-signing-key-file: %w", err)
	}
	if err != nil {
		return err
	}
	for _, file := range o.ServiceAccountKeys {
		keys, err := pki.LoadPublicKeys(file)
		if err != nil {
			return component.Usagef("--service-account-key-file: %w", err)
		}
		id.verifying = append(id.verifying, keys...)
	}
	return nil
}

func (id *identity) meetKubelets(o *Options) (err error) {
	if o.KubeletCAFile != "" {
		if id.kubeletCA, err = readPool("kubelet-certificate-authority", o.KubeletCAFile); err != nil {
			return err
		}
	}
	cert, key := o.KubeletCertFile, o.KubeletKeyFile
	if cert == "" {
		if id.ca == nil {
			return nil // nobody to sign one: kubelets will say that they want one
		}
		cert, key = o.inCertDir("apiserver-kubelet-client.crt"), o.inCertDir("apiserver-kubelet-client.key")
		if err := id.ca.Ensure(cert, key, pki.KubeletClient().Request()); err != nil {
			return err
		}
	}
	if id.kubeletClient, err = tls.LoadX509KeyPair(cert, key); err != nil {
		return component.Usagef("--kubelet-client-certificate and --kubelet-client-key: %w", err)
	}
	return nil
}

// readPool reads the authorities in the file of a flag.
func readPool(flag, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, component.Usagef("--%s: %w", flag, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, component.Usagef("--%s: %s holds no PEM certificate", flag, file)
	}
	return pool, nil
}

// tlsConfig asks clients for a certificate and leaves it to authentication to
// judge it.
func (id *identity) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{id.serving},
		ClientAuth:   tls.RequestClientCert,
		NextProtos:   []string{"h2", "http/1.1"},
		// Small records at the start help browsers on slow lines; here they are so many more writes.
		DynamicRecordSizingDisabled: true,
	}
}

// etcdTLS is how the server meets an etcd outside; nil without certificates.
func (o *Options) etcdTLS() (*tls.Config, error) {
	if o.EtcdCAFile == "" && o.EtcdCertFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.EtcdCAFile != "" {
		var err error
		if config.RootCAs, err = readPool("etcd-cafile", o.EtcdCAFile); err != nil {
			return nil, err
		}
	}
	if o.EtcdCertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.EtcdCertFile, o.EtcdKeyFile)
		if err != nil {
			return nil, component.Usagef("--etcd-certfile and --etcd-keyfile: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
