package podspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// projections checks the sources of one projected volume, whose files may not
// lie at the same path.
type projections struct {
	path  *field.Path // of the volume
	files sets.Set[string]
	errs  field.ErrorList
}

func validateProjected(p *corev1.ProjectedVolumeSource, path *field.Path) field.ErrorList {
	c := &projections{path: path, files: sets.New[string](), errs: validateMode(p.DefaultMode, path.Child("defaultMode"))}
	for i := range p.Sources {
		c.source(&p.Sources[i], path.Child("sources").Index(i))
	}
	return c.errs
}

func (c *projections) add(errs ...*field.Error) { c.errs = append(c.errs, errs...) }

// place notes a file; where two are the same, shown is what the error shows.
func (c *projections) place(file, shown string) {
	if c.files.Has(file) {
		c.add(field.Invalid(c.path, shown, "conflicting duplicate paths"))
	}
	c.files.Insert(file)
}

func (c *projections) source(p *corev1.VolumeProjection, path *field.Path) {
	n := 0
	if p.Secret != nil {
		n++
		c.items(p.Secret.Name, p.Secret.Items, path.Child("secret"))
	}
	if p.ConfigMap != nil {
		n++
		c.items(p.ConfigMap.Name, p.ConfigMap.Items, path.Child("configMap"))
	}
	if p.DownwardAPI != nil {
		n++
		for i := range p.DownwardAPI.Items {
			c.add(validateDownwardFiles(p.DownwardAPI.Items[i:i+1], path.Child("downwardAPI"))...)
			if file := p.DownwardAPI.Items[i].Path; file != "" {
				c.place(file, file)
			}
		}
	}
	if p.ServiceAccountToken != nil {
		n++
		c.token(p.ServiceAccountToken, path.Child("serviceAccountToken"))
	}
	if p.ClusterTrustBundle != nil {
		n++
		c.bundle(p.ClusterTrustBundle, path.Child("clusterTrustBundle"))
	}
	if p.PodCertificate != nil {
		n++
		c.certificate(p.PodCertificate, path.Child("podCertificate"))
	}
	if n > 1 {
		c.add(field.Forbidden(path, "may not specify more than 1 volume type per source"))
	}
}

func (c *projections) items(object string, items []corev1.KeyToPath, path *field.Path) {
	c.add(requireText(path.Child("name"), object)...)
	for i, item := range items {
		c.add(validateItem(&item, path.Child("items").Index(i))...)
		if item.Path != "" {
			c.place(item.Path, object)
		}
	}
}

// token checks a service account's token. The errors about its path are at the
// volume, as upstream's are.
func (c *projections) token(t *corev1.ServiceAccountTokenProjection, path *field.Path) {
	if seconds := t.ExpirationSeconds; seconds != nil {
		if *seconds < 600 {
			c.add(field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration less than 10 minutes"))
		}
		if *seconds > 1<<32 {
			c.add(field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	c.add(validateFilePath(t.Path, c.path.Child("path"))...)
}

// bundle checks roots that clients trust: those of one bundle by name, or those
// of a signer.
func (c *projections) bundle(b *corev1.ClusterTrustBundleProjection, path *field.Path) {
	name := path.Child("name")
	switch {
	case b.Name != nil && b.SignerName != nil:
		c.add(field.Invalid(path, api.Internal(b), "only one of name and signerName may be used"))
	case b.Name != nil:
		if *b.Name == "" {
			c.add(field.Required(name, "must be a valid object name"))
		}
		signer := ""
		if i := strings.LastIndex(*b.Name, ":"); i >= 0 {
			signer = strings.ReplaceAll((*b.Name)[:i], ":", "/")
		}
		for _, problem := range check.BundleName(*b.Name, false, signer) {
			c.add(field.Invalid(name, *b.Name, fmt.Sprintf("not a valid clustertrustbundlename: %v", problem)))
		}
		if b.LabelSelector != nil {
			c.add(field.Invalid(path.Child("labelSelector"), b.LabelSelector, "labelSelector must be unset if name is specified"))
		}
	case b.SignerName != nil:
		if *b.SignerName == "" {
			c.add(field.Required(path.Child("signerName"), "must be a valid signer name"))
		}
		c.add(check.SignerName(*b.SignerName, path.Child("signerName"))...)
		c.add(metav1validation.ValidateLabelSelector(b.LabelSelector, metav1validation.LabelSelectorValidationOptions{}, path.Child("labelSelector"))...)
	default:
		c.add(field.Required(path, "either name or signerName must be specified"))
	}
	c.add(validateFilePath(b.Path, path.Child("path"))...)
	c.place(b.Path, b.Path)
}

// Seconds that a pod's certificate may be asked for.
const (
	hour = 60 * 60
	day  = 24 * hour
)

var keyTypes = []string{"RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"}

// certificate checks a key of the pod's own and what is signed for it.
//
// https://kep.k8s.io/4317
func (c *projections) certificate(p *corev1.PodCertificateProjection, path *field.Path) {
	c.add(check.SignerName(p.SignerName, path.Child("signerName"))...)
	annotations := path.Child("userAnnotations")
	for _, key := range slices.Sorted(maps.Keys(p.UserAnnotations)) {
		c.add(validation.IsDomainPrefixedKey(annotations, strings.ToLower(key))...)
	}
	if apivalidation.ValidateAnnotationsSize(p.UserAnnotations) != nil {
		c.add(field.TooLong(annotations, "", apivalidation.TotalAnnotationSizeLimitB))
	}
	c.add(check.OneOf(p.KeyType, path.Child("keyType"), keyTypes...)...)
	if seconds := p.MaxExpirationSeconds; seconds != nil {
		at, longest := path.Child("maxExpirationSeconds"), int32(91*day)
		if check.IsKubernetesSigner(p.SignerName) {
			longest = day
		}
		if *seconds < hour {
			c.add(field.Invalid(at, *seconds, "if provided, maxExpirationSeconds must be >= 3600"))
		}
		if *seconds > longest {
			c.add(field.Invalid(at, *seconds, fmt.Sprintf("if provided, maxExpirationSeconds must be <= %d", longest)))
		}
	}
	found := false
	for _, file := range []struct{ name, path string }{
		{"credentialBundlePath", p.CredentialBundlePath}, {"keyPath", p.KeyPath}, {"certificateChainPath", p.CertificateChainPath},
	} {
		if file.path != "" {
			found = true
			c.add(validateFilePath(file.path, path.Child(file.name))...)
			c.place(file.path, file.path)
		}
	}
	if !found {
		c.add(field.Required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"))
	}
}

// ValidateIdentity refuses what a pod without a service account cannot have.
// It is for pods only: a template's pods may yet be given one.
func ValidateIdentity(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	if spec.ServiceAccountName != "" {
		return nil
	}
	for i, volume := range spec.Volumes {
		if volume.Projected == nil {
			continue
		}
		for j, source := range volume.Projected.Sources {
			if source.ServiceAccountToken != nil {
				errs = append(errs, field.Forbidden(path.Child("volumes").Index(i).Child("projected", "sources").Index(j).Child("serviceAccountToken"),
					"must not be specified when serviceAccountName is not set"))
			}
		}
	}
	return errs
}
