package kubelet

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/client-go/util/keyutil"

	"slowmo/pkg/component"
)

// bootstrap gets this kubelet a client certificate of its own, if it has none:
// it asks for one with what is in --bootstrap-kubeconfig, waits until the
// request is approved and signed, and writes the file of --kubeconfig.
// https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/
func (c *Config) bootstrap(ctx context.Context, kubeconfig string) error {
	if c.BootstrapKubeconfig == "" {
		return nil
	}
	if kubeconfig == "" {
		return component.Usagef("--bootstrap-kubeconfig needs --kubeconfig, the file to write")
	}
	switch _, err := os.Stat(kubeconfig); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return component.Usagef("--kubeconfig: %w", err)
	}
	raw, err := clientcmd.LoadFromFile(c.BootstrapKubeconfig)
	if err != nil {
		return component.Usagef("--bootstrap-kubeconfig: %w", err)
	}
	config, err := clientcmd.NewDefaultClientConfig(*raw, nil).ClientConfig()
	if err != nil {
		return component.Usagef("--bootstrap-kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "asking for a client certificate", "node", c.NodeName)
	certPEM, err := requestCertificate(ctx, client, c.NodeName, key)
	if err != nil {
		return fmt.Errorf("TLS bootstrap: %w", err)
	}
	cluster := raw.Clusters[raw.Contexts[raw.CurrentContext].Cluster]
	return clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"default-cluster": cluster},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"default-auth": {ClientCertificateData: certPEM, ClientKeyData: keyPEM}},
		Contexts:       map[string]*clientcmdapi.Context{"default-context": {Cluster: "default-cluster", AuthInfo: "default-auth"}},
		CurrentContext: "default-context",
	}, kubeconfig)
}

// requestCertificate returns a certificate for system:node:<name>, PEM.
func requestCertificate(ctx context.Context, client kubernetes.Interface, name string, key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{Organization: []string{"system:nodes"}, CommonName: "system:node:" + name},
	}, key)
	if err != nil {
		return nil, err
	}
	request := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	reqName, reqUID, err := csr.RequestCertificateWithContext(ctx, client, request, "", certificatesv1.KubeAPIServerClientKubeletSignerName, nil, usages, key)
	if err != nil {
		return nil, err
	}
	return csr.WaitForCertificate(ctx, client, reqName, reqUID)
}
