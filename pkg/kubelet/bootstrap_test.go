package kubelet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/kubelet/internal/fakeapi"
)

func TestRequestCertificate(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := fakeapi.New()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := make(chan *certificatesv1.CertificateSigningRequest, 1)
	go func() { // the controller-manager: approves and signs what it is asked for
		defer close(signed)
		client.Await(t, "certificatesigningrequests", 1)
		requests := client.CertificatesV1().CertificateSigningRequests()
		list, err := requests.List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) != 1 {
			t.Errorf("%d requests, %v", len(list.Items), err)
			return
		}
		r := &list.Items[0]
		r.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue}}
		r.Status.Certificate = []byte("a certificate")
		if _, err := requests.UpdateStatus(ctx, r, metav1.UpdateOptions{}); err != nil {
			t.Error(err)
		}
		signed <- r
	}()
	got, err := requestCertificate(ctx, client, "node1", key)
	if err != nil || string(got) != "a certificate" {
		t.Errorf("got %q, %v", got, err)
	}
	r := <-signed
	if r == nil {
		return
	}
	block, _ := pem.Decode(r.Spec.Request)
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || parsed.Subject.CommonName != "system:node:node1" || parsed.Subject.Organization[0] != "system:nodes" {
		t.Errorf("asked for %v, %v", parsed.Subject, err)
	}
	if r.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName {
		t.Errorf("asked %s to sign", r.Spec.SignerName)
	}
}

func TestBootstrapLeavesAKubeconfigAlone(t *testing.T) {
	have := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(have, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := NewConfig()
	c.BootstrapKubeconfig = "/no/such/file"
	if err := c.bootstrap(t.Context(), have); err != nil {
		t.Error(err)
	}
	if err := c.bootstrap(t.Context(), have+"-missing"); err == nil || !strings.Contains(err.Error(), "--bootstrap-kubeconfig") {
		t.Errorf("got %v", err)
	}
	if err := c.bootstrap(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "needs --kubeconfig") {
		t.Errorf("got %v", err)
	}
}
