package admission

import (
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// trustBundleAttest is the plugin ClusterTrustBundleAttest: only those say whom a signer's
// certificates may be trusted by who have the verb "attest" on that signer.
type trustBundleAttest struct {
	plugin.Validates
	authorizer request.Authorizer
}

// Validate asks the authorizer about bundles that name a signer.
func (t *trustBundleAttest) Validate(ctx context.Context, a *request.Attributes) error {
	bundle, ok := a.Object.(*certificatesv1.ClusterTrustBundle)
	if !ok || !plugin.Is(a, certificatesv1.GroupName, "clustertrustbundles") || a.Operation != request.Create && a.Operation != request.Update {
		return nil
	}
	// The garbage collector must be able to take its finalizers off.
	if old, ok := a.OldObject.(*certificatesv1.ClusterTrustBundle); ok && equality.Semantic.DeepEqual(bundle.Spec, old.Spec) {
		return nil
	}
	signer := bundle.Spec.SignerName
	if signer == "" || mayUseSigner(ctx, t.authorizer, a.User, "attest", signer) {
		return nil
	}
	return plugin.Forbid(a, fmt.Errorf("user not permitted to attest for signerName %q", signer))
}
