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

	"slowmo/pkg/apiserver/admission/deviceclaims"
	"slowmo/pkg/apiserver/admission/noderestriction"
	"slowmo/pkg/apiserver/admission/podsecurity"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// Config is what plugins need.
type Config struct {
	Store      *storage.Store
	Authorizer request.Authorizer
	Escalation *authz.Escalation // nil when RBAC is off

	// Enable and Disable are plugin names beside the defaults; none may be in both.
	Enable, Disable []string
}

// entry is one of the list.
type entry struct {
	name string
	make func(c Config) request.Admission // nil: kube-apiserver has it and we do not
}

// plugins is the list, in the order in which kube-apiserver runs them. All that
// we have run unless they are disabled.
var plugins = []entry{
	{name: "AlwaysAdmit"},
	{name: "NamespaceAutoProvision"},
	{name: "NamespaceLifecycle", make: func(c Config) request.Admission { return &namespaceLifecycle{c.Store} }},
	{name: "NamespaceExists"},
	{name: "LimitPodHardAntiAffinityTopology"},
	{name: "LimitRanger", make: func(c Config) request.Admission { return &limitRanger{c.Store} }},
	{name: "ServiceAccount", make: func(c Config) request.Admission { return &serviceAccount{c.Store} }},
	{name: "NodeRestriction", make: func(c Config) request.Admission { return noderestriction.New(c.Store, c.Authorizer) }},
	{name: "TaintNodesByCondition", make: func(Config) request.Admission { return taintNodes{} }},
	{name: "AlwaysPullImages"},
	{name: "ImagePolicyWebhook"},
	{name: "PodSecurity", make: func(c Config) request.Admission { return podsecurity.New(c.Store) }},
	{name: "PodNodeSelector"},
	{name: "Priority", make: func(c Config) request.Admission { return &priority{c.Store} }},
	{name: "DefaultTolerationSeconds", make: func(Config) request.Admission { return tolerationSeconds{} }},
	{name: "PodTolerationRestriction"},
	{name: "EventRateLimit"},
	{name: "ExtendedResourceToleration"},
	{name: "DefaultStorageClass", make: func(c Config) request.Admission { return &defaultStorageClass{store: c.Store} }},
	{name: "StorageObjectInUseProtection", make: func(Config) request.Admission { return storageInUse{} }},
	{name: "PodGroupProtection"},
	{name: "OwnerReferencesPermissionEnforcement"},
	{name: "PersistentVolumeClaimResize", make: func(c Config) request.Admission { return &claimResize{store: c.Store} }},
	{name: "RuntimeClass", make: func(c Config) request.Admission { return &runtimeClass{c.Store} }},
	{name: "CertificateApproval", make: func(c Config) request.Admission { return &certificateApproval{authorizer: c.Authorizer} }},
	{name: "CertificateSigning", make: func(c Config) request.Admission { return &certificateSigning{authorizer: c.Authorizer} }},
	{name: "ClusterTrustBundleAttest", make: func(c Config) request.Admission { return &trustBundleAttest{authorizer: c.Authorizer} }},
	{name: "CertificateSubjectRestriction", make: func(Config) request.Admission { return certificateSubject{} }},
	{name: "DefaultIngressClass", make: func(c Config) request.Admission { return &defaultIngressClass{store: c.Store} }},
	{name: "DenyServiceExternalIPs"},
	{name: "PodTopologyLabels", make: func(c Config) request.Admission { return &topologyLabels{store: c.Store} }},
	{name: "PodGroupWorkloadExists"},
	{name: "NodeDeclaredFeatureValidator", make: func(c Config) request.Admission { return &declaredFeatures{store: c.Store} }},
	{name: "JobValidation"},
	{name: "PodResizeValidator", make: func(c Config) request.Admission { return &podResize{store: c.Store} }},
	{name: "MutatingAdmissionPolicy"},
	{name: "MutatingAdmissionWebhook"},
	{name: "ValidatingAdmissionPolicy"},
	{name: "ValidatingAdmissionWebhook"},
	{name: "ResourceQuota", make: func(c Config) request.Admission { return &resourceQuota{store: c.Store} }},
	{name: "AlwaysDeny"},
}

// New returns the enabled plugins as one, and an error for a name that is none.
func New(c Config) (request.Admission, error) {
	if err := Check(c.Enable, c.Disable); err != nil {
		return nil, err
	}
	var enabled chain
	for _, p := range plugins {
		if p.make != nil && !slices.Contains(c.Disable, p.name) {
			enabled = append(enabled, p.make(c))
		}
	}
	// No plugins upstream either: they cannot be switched off.
	enabled = append(enabled, &deviceclaims.Check{Store: c.Store, Authorizer: c.Authorizer})
	if c.Escalation != nil {
		enabled = append(enabled, &escalation{check: c.Escalation})
	}
	return enabled, nil
}

// Check refuses names that upstream has not, and to enable what we have not:
// who relies on a plugin must not be left without it silently.
func Check(enable, disable []string) error {
	find := func(name string) *entry {
		if i := slices.IndexFunc(plugins, func(p entry) bool { return p.name == name }); i >= 0 {
			return &plugins[i]
		}
		return nil
	}
	for _, name := range enable {
		switch p := find(name); {
		case p == nil:
			return fmt.Errorf("enable-admission-plugins plugin %q is unknown", name)
		case p.make == nil:
			return fmt.Errorf("enable-admission-plugins plugin %q is not supported", name)
		case slices.Contains(disable, name):
			return fmt.Errorf("%q in enable-admission-plugins and disable-admission-plugins overlapped", name)
		}
	}
	for _, name := range disable {
		if find(name) == nil {
			return fmt.Errorf("disable-admission-plugins plugin %q is unknown", name)
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
