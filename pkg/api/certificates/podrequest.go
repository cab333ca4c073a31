package certificates

import (
	"context"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// PodCertificateRequest is the resource podcertificaterequests, by which a kubelet
// asks a signer for a certificate that is a pod's.
//
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#pod-certificate-requests
var PodCertificateRequest = &api.Resource{
	Group:          certificatesv1.GroupName,
	Version:        "v1",
	Kind:           "PodCertificateRequest",
	Plural:         "podcertificaterequests",
	StorageVersion: "v1beta1",
	Singular:       "podcertificaterequest",
	Namespaced:     true,
	New:            func() api.Object { return &certificatesv1.PodCertificateRequest{} },
	NewList:        func() runtime.Object { return &certificatesv1.PodCertificateRequestList{} },

	Default: func(obj api.Object) {
		if spec := &obj.(*certificatesv1.PodCertificateRequest).Spec; spec.MaxExpirationSeconds == nil {
			spec.MaxExpirationSeconds = ptr.To[int32](day)
		}
	},
	PrepareCreate: func(_ context.Context, obj api.Object) {
		obj.(*certificatesv1.PodCertificateRequest).Status = certificatesv1.PodCertificateRequestStatus{}
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		obj.(*certificatesv1.PodCertificateRequest).Status = old.(*certificatesv1.PodCertificateRequest).Status
	},
	Validate:       validatePodRequest,
	ValidateUpdate: validatePodRequestUpdate,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("PodName", "string", podRequestDoc["podName"]),
		api.Column("ServiceAccountName", "string", podRequestDoc["serviceAccountName"]),
		api.Column("NodeName", "string", podRequestDoc["nodeName"]),
		api.Column("SignerName", "string", podRequestDoc["signerName"]),
		api.Column("State", "string", "Is the request Pending, Issued, Denied, or Failed?"),
		api.Column("UnverifiedUserAnnotations", "string", podRequestDoc["unverifiedUserAnnotations"]),
	},
	Row: podRequestRow,

	Fields: func(obj api.Object) fields.Set {
		spec := &obj.(*certificatesv1.PodCertificateRequest).Spec
		return fields.Set{"spec.signerName": spec.SignerName, "spec.podName": spec.PodName, "spec.nodeName": string(spec.NodeName)}
	},
	FieldNames: []string{"spec.signerName", "spec.podName", "spec.nodeName"},

	Subresources: []api.Subresource{{
		Name: "status", Verbs: []string{"get", "patch", "update"},
		Put:         putPodRequestStatus,
		Validate:    api.AlwaysValid,
		ResetFields: []string{"metadata", "spec"},
	}},
}

var podRequestDoc = certificatesv1.PodCertificateRequestSpec{}.SwaggerDoc()

func podRequestRow(obj api.Object, _ time.Time) []any {
	request := obj.(*certificatesv1.PodCertificateRequest)
	state := "Pending"
	for _, c := range request.Status.Conditions {
		switch c.Type {
		case certificatesv1.PodCertificateRequestConditionTypeIssued,
			certificatesv1.PodCertificateRequestConditionTypeDenied,
			certificatesv1.PodCertificateRequestConditionTypeFailed:
			state = c.Type
		}
	}
	spec := &request.Spec
	return []any{request.Name, spec.PodName, spec.ServiceAccountName, string(spec.NodeName), spec.SignerName, state,
		labels.FormatLabels(spec.UnverifiedUserAnnotations)}
}

// putPodRequestStatus takes the status and nothing of the metadata. It validates
// by itself, as a certificate must be new when it is issued: only here is the
// time known.
func putPodRequestStatus(ctx context.Context, parent, body api.Object) error {
	to, from := parent.(*certificatesv1.PodCertificateRequest), body.(*certificatesv1.PodCertificateRequest)
	if errs := validatePodRequestStatus(&from.Status, to, api.Now(ctx).Time); len(errs) > 0 {
		return apierrors.NewInvalid(certificatesv1.Kind("PodCertificateRequest"), to.Name, errs)
	}
	to.ManagedFields, to.Status = from.ManagedFields, from.Status
	return nil
}
