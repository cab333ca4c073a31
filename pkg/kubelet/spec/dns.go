package spec

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Resolver is a resolv.conf.
type Resolver struct {
	Servers, Searches, Options []string
}

// ReadResolver reads a resolv.conf; one that does not exist is empty.
func ReadResolver(path string) (Resolver, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return Resolver{}, nil
	}
	if err != nil {
		return Resolver{}, err
	}
	defer f.Close()
	var r Resolver
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		words := strings.Fields(scanner.Text())
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			r.Servers = append(r.Servers, words[1])
		case "search":
			r.Searches = words[1:]
		case "options":
			r.Options = words[1:]
		}
	}
	return r, nil
}

// Linux's limits, which upstream applies too.
const (
	maxServers  = 3
	maxSearches = 32
)

// dns is what the pod's resolv.conf says.
// https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
func (h *Host) dns(pod *v1.Pod) (*runtimeapi.DNSConfig, error) {
	var r Resolver
	policy := pod.Spec.DNSPolicy
	if policy == v1.DNSClusterFirst && pod.Spec.HostNetwork {
		policy = v1.DNSDefault
	}
	switch policy {
	case v1.DNSNone:
	case v1.DNSDefault:
		r = h.Resolver
	case v1.DNSClusterFirst, v1.DNSClusterFirstWithHostNet, "":
		if len(h.ClusterDNS) == 0 {
			r = h.Resolver // as upstream: without a cluster DNS there is only the host's
			break
		}
		r = Resolver{
			Servers:  h.ClusterDNS,
			Searches: append(h.clusterSearches(pod.Namespace), h.Resolver.Searches...),
			Options:  []string{"ndots:5"},
		}
	default:
		return nil, fmt.Errorf("invalid DNSPolicy: %v", policy)
	}
	if c := pod.Spec.DNSConfig; c != nil {
		r.Servers = unique(r.Servers, c.Nameservers)
		r.Searches = unique(r.Searches, c.Searches)
		r.Options = mergeOptions(r.Options, c.Options)
	}
	return &runtimeapi.DNSConfig{
		Servers:  r.Servers[:min(len(r.Servers), maxServers)],
		Searches: r.Searches[:min(len(r.Searches), maxSearches)],
		Options:  r.Options,
	}, nil
}

func (h *Host) clusterSearches(namespace string) []string {
	if h.ClusterDomain == "" {
		return nil
	}
	svc := "svc." + h.ClusterDomain
	return []string{namespace + "." + svc, svc, h.ClusterDomain}
}

func unique(lists ...[]string) []string {
	var out []string
	for _, list := range lists {
		for _, s := range list {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// mergeOptions puts the pod's options over those of its policy.
func mergeOptions(base []string, more []v1.PodDNSConfigOption) []string {
	out := slices.Clone(base)
	for _, o := range more {
		text := o.Name
		if o.Value != nil {
			text += ":" + *o.Value
		}
		out = slices.DeleteFunc(out, func(s string) bool {
			name, _, _ := strings.Cut(s, ":")
			return name == o.Name
		})
		out = append(out, text)
	}
	return out
}
