// Package admission changes and refuses writes by rules that look beyond the
// object itself: at its namespace, at the service account it names, at who
// writes it.
//
// Each plugin is a file, named and switched as kube-apiserver's. A plugin is a
// request.Admission; Mutate may change a.Object, Validate changes nothing. New
// returns the enabled ones as one request.Admission which asks them in the
// order of the list below and stops at the first refusal.
//
// Plugins look things up in the store's caches and hold no state of their own; they are
// safe for concurrent use. What they refuse is a StatusError in
// kube-apiserver's words.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// Config is what plugins need.
type Config struct {
	Store      *storage.Store
	Escalation *authz.Escalation // nil when RBAC is off

	// Enable and Disable are plugin names beside the defaults; Disable wins.
	Enable, Disable []string
}

// plugin is an entry of the list.
type plugin struct {
	name string
	off  bool // unless enabled by name
	make func(c Config) request.Admission
}

// plugins is the list, in the order in which kube-apiserver runs them.
var plugins = []plugin{
	{name: "NamespaceLifecycle", make: func(c Config) request.Admission { return &namespaceLifecycle{c.Store} }},
	{name: "ServiceAccount", make: func(c Config) request.Admission { return &serviceAccount{c.Store} }},
	{name: "NodeRestriction", make: func(c Config) request.Admission { return &nodeRestriction{c.Store} }},
	{name: "TaintNodesByCondition", make: func(Config) request.Admission { return taintNodes{} }},
	{name: "Priority", make: func(c Config) request.Admission { return &priority{c.Store} }},
	{name: "DefaultTolerationSeconds", make: func(Config) request.Admission { return tolerationSeconds{} }},
}

// upstream are the plugins that kube-apiserver has and we do not: their names are
// accepted where they are switched off, and refused where they are switched on.
var upstream = []string{
	"AlwaysAdmit", "AlwaysDeny", "AlwaysPullImages", "CertificateApproval", "CertificateSigning",
	"CertificateSubjectRestriction", "ClusterTrustBundleAttest", "DefaultIngressClass",
	"DefaultStorageClass", "DenyServiceExternalIPs", "EventRateLimit", "ExtendedResourceToleration",
	"ImagePolicyWebhook", "LimitPodHardAntiAffinityTopology", "LimitRanger", "MutatingAdmissionPolicy",
	"MutatingAdmissionWebhook", "NamespaceAutoProvision", "NamespaceExists", "NodeDeclaredFeatureValidator",
	"OwnerReferencesPermissionEnforcement", "PersistentVolumeClaimResize", "PodNodeSelector",
	"PodSecurity", "PodTolerationRestriction", "PodTopologyLabels", "ResourceQuota", "RuntimeClass",
	"StorageObjectInUseProtection", "ValidatingAdmissionPolicy", "ValidatingAdmissionWebhook",
}

// New returns the enabled plugins as one, and an error for a name that is none.
func New(c Config) (request.Admission, error) {
	if err := check(c); err != nil {
		return nil, err
	}
	var enabled chain
	for _, p := range plugins {
		if slices.Contains(c.Disable, p.name) || p.off && !slices.Contains(c.Enable, p.name) {
			continue
		}
		enabled = append(enabled, p.make(c))
	}
	if c.Escalation != nil {
		// No plugin upstream either: it cannot be switched off.
		enabled = append(enabled, &escalation{c.Escalation})
	}
	return enabled, nil
}

func check(c Config) error {
	var names []string
	for _, p := range plugins {
		names = append(names, p.name)
	}
	for _, name := range c.Disable {
		if !slices.Contains(names, name) && !slices.Contains(upstream, name) {
			return fmt.Errorf("--disable-admission-plugins: there is no plugin %q; known: %s", name, strings.Join(names, ", "))
		}
	}
	for _, name := range c.Enable {
		if !slices.Contains(names, name) {
			return fmt.Errorf("--enable-admission-plugins: there is no plugin %q; known: %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// chain is several plugins in order.
type chain []request.Admission

// Mutate lets each plugin change the object.
func (c chain) Mutate(ctx context.Context, a *request.Attributes) error {
	for _, p := range c {
		if err := p.Mutate(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// Validate asks each plugin whether the write may be.
func (c chain) Validate(ctx context.Context, a *request.Attributes) error {
	for _, p := range c {
		if err := p.Validate(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// mutates is embedded by plugins that refuse nothing in the end.
type mutates struct{}

func (mutates) Validate(context.Context, *request.Attributes) error { return nil }

// is says whether the write is of this resource itself or, given as
// "pods/status", of that subresource.
func is(a *request.Attributes, group, resource string) bool {
	name, subresource, _ := strings.Cut(resource, "/")
	return a.Resource.Group == group && a.Resource.Resource == name && a.Subresource == subresource
}
