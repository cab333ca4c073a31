package pki

import (
	"errors"
	"io/fs"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig is an entry of a kubeconfig file: a cluster, a user and a context, all
// of one name.
type Kubeconfig struct {
	Name   string // "slowmo"
	Server string // "https://127.0.0.1:6443"
	CA     []byte // PEM
	Pair   Pair   // the user's certificate
}

// EnsureKubeconfig makes file a kubeconfig for id at server, in mode 0600, and keeps the one
// that is there as long as it says so and its certificate is good.
func (ca *CA) EnsureKubeconfig(file, name, server string, id Identity) error {
	if ca.kubeconfigGood(file, name, server, id) {
		return nil
	}
	pair, err := ca.Issue(id.Request())
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	Kubeconfig{Name: name, Server: server, CA: ca.PEM, Pair: pair}.into(config)
	data, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return WriteFile(file, data, 0o600)
}

// Merge adds the entry to the file, which may hold others of other clusters,
// and makes it current. It takes client-go's lock beside the file.
func (k Kubeconfig) Merge(file string) error {
	return modify(file, func(config *clientcmdapi.Config) { k.into(config) })
}

// RemoveKubeconfig takes the entry called name out of file. The current
// context is unset only when it is this one.
func RemoveKubeconfig(file, name string) error {
	if missing(file) {
		return nil
	}
	return modify(file, func(config *clientcmdapi.Config) {
		delete(config.Clusters, name)
		delete(config.AuthInfos, name)
		delete(config.Contexts, name)
		if config.CurrentContext == name {
			config.CurrentContext = ""
		}
	})
}

// into writes the entry over one of the same name.
func (k Kubeconfig) into(config *clientcmdapi.Config) {
	config.Clusters[k.Name] = &clientcmdapi.Cluster{Server: k.Server, CertificateAuthorityData: k.CA}
	config.AuthInfos[k.Name] = &clientcmdapi.AuthInfo{
		ClientCertificateData: k.Pair.Cert,
		ClientKeyData:         k.Pair.Key,
	}
	config.Contexts[k.Name] = &clientcmdapi.Context{Cluster: k.Name, AuthInfo: k.Name}
	config.CurrentContext = k.Name
}

func modify(file string, change func(*clientcmdapi.Config)) error {
	access := clientcmd.NewDefaultPathOptions()
	access.LoadingRules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: file}
	access.GlobalFile, access.EnvVar = file, ""
	config, err := access.GetStartingConfig()
	if errors.Is(err, fs.ErrNotExist) {
		config, err = clientcmdapi.NewConfig(), nil
	}
	if err != nil {
		return err
	}
	change(config)
	if err := clientcmd.ModifyConfig(access, *config, false); err != nil {
		return err
	}
	return os.Chmod(file, 0o600)
}

func (ca *CA) kubeconfigGood(file, name, server string, id Identity) bool {
	config, err := clientcmd.LoadFromFile(file)
	if err != nil {
		return false
	}
	cluster, user := config.Clusters[name], config.AuthInfos[name]
	if cluster == nil || user == nil || config.CurrentContext != name {
		return false
	}
	return cluster.Server == server &&
		string(cluster.CertificateAuthorityData) == string(ca.PEM) &&
		ca.vouches(user.ClientCertificateData, id.Request())
}
