package certificates

import (
	"context"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"slowmo/pkg/api"
)

// CertificateSigningRequest is the resource certificatesigningrequests. Its spec
// says for good who asks for what; approval and status are written by others.
//
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
var CertificateSigningRequest = &api.Resource{
	Group:      certificatesv1.GroupName,
	Version:    "v1",
	Kind:       "CertificateSigningRequest",
	Plural:     "certificatesigningrequests",
	Singular:   "certificatesigningrequest",
	ShortNames: []string{"csr"},
	New:        func() api.Object { return &certificatesv1.CertificateSigningRequest{} },
	NewList:    func() runtime.Object { return &certificatesv1.CertificateSigningRequestList{} },

	PrepareCreate: prepareRequestCreate,
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		csr, before := obj.(*certificatesv1.CertificateSigningRequest), old.(*certificatesv1.CertificateSigningRequest)
		csr.Spec, csr.Status = before.Spec, before.Status
	},
	ValidateName:        func(string, bool) []string { return nil },
	Validate:            validateRequest,
	ValidateUpdate:      validateRequestUpdate,
	UnconditionalUpdate: true,

	Columns: requestColumns,
	Row:     requestRow,

	Fields: func(obj api.Object) fields.Set {
		return fields.Set{"spec.signerName": obj.(*certificatesv1.CertificateSigningRequest).Spec.SignerName}
	},
	FieldNames: []string{"spec.signerName"},

	ResetFields: []string{"spec", "status"},
	Subresources: []api.Subresource{
		{Name: "approval", Verbs: []string{"get", "patch", "update"}, Put: putApproval, Validate: validateApproval,
			ResetFields: []string{"spec", "status.certificate"}},
		{Name: "status", Verbs: []string{"get", "patch", "update"}, Put: putRequestStatus, Validate: validateRequestStatus,
			ResetFields: []string{"spec", "status.conditions"}},
	},
}

// The columns are described in the words of v1beta1, as upstream does.
var requestDoc = certificatesv1beta1.CertificateSigningRequestSpec{}.SwaggerDoc()

var requestColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.AgeColumn,
	api.Column("SignerName", "string", requestDoc["signerName"]),
	api.Column("Requestor", "string", requestDoc["request"]),
	api.Column("RequestedDuration", "string", requestDoc["expirationSeconds"]),
	api.Column("Condition", "string", certificatesv1beta1.CertificateSigningRequestStatus{}.SwaggerDoc()["conditions"]),
}

func requestRow(obj api.Object, now time.Time) []any {
	csr := obj.(*certificatesv1.CertificateSigningRequest)
	lifetime := api.None
	if seconds := csr.Spec.ExpirationSeconds; seconds != nil {
		lifetime = duration.HumanDuration(time.Duration(*seconds) * time.Second)
	}
	return []any{csr.Name, api.Age(csr.CreationTimestamp, now), api.OrNone(csr.Spec.SignerName), csr.Spec.Username, lifetime, formatState(csr)}
}

func formatState(csr *certificatesv1.CertificateSigningRequest) string {
	has := map[certificatesv1.RequestConditionType]bool{}
	for _, c := range csr.Status.Conditions {
		has[c.Type] = true
	}
	state := "Pending"
	switch {
	case has[certificatesv1.CertificateDenied]:
		state = "Denied"
	case has[certificatesv1.CertificateApproved]:
		state = "Approved"
	}
	if has[certificatesv1.CertificateFailed] {
		state += ",Failed"
	}
	if len(csr.Status.Certificate) > 0 {
		state += ",Issued"
	}
	return state
}

// prepareRequestCreate notes who asks.
func prepareRequestCreate(ctx context.Context, obj api.Object) {
	csr, user := obj.(*certificatesv1.CertificateSigningRequest), api.User(ctx)
	csr.Spec.Username, csr.Spec.UID, csr.Spec.Groups = user.Username, user.UID, user.Groups
	csr.Spec.Extra = nil
	if len(user.Extra) > 0 {
		csr.Spec.Extra = make(map[string]certificatesv1.ExtraValue, len(user.Extra))
	}
	for key, values := range user.Extra {
		csr.Spec.Extra[key] = certificatesv1.ExtraValue(values)
	}
	csr.Status = certificatesv1.CertificateSigningRequestStatus{}
}

// putApproval takes the conditions.
func putApproval(ctx context.Context, parent, body api.Object) error {
	to, from := parent.(*certificatesv1.CertificateSigningRequest), body.(*certificatesv1.CertificateSigningRequest)
	conditions := stamped(ctx, from.Status.Conditions, to.Status.Conditions)
	to.ObjectMeta, to.Status.Conditions = from.ObjectMeta, conditions
	return nil
}

// putRequestStatus takes the status, but leaves the decision as it was made.
func putRequestStatus(ctx context.Context, parent, body api.Object) error {
	to, from := parent.(*certificatesv1.CertificateSigningRequest), body.(*certificatesv1.CertificateSigningRequest)
	status := *from.Status.DeepCopy()
	for _, kind := range decisions {
		keepConditions(status.Conditions, to.Status.Conditions, kind)
	}
	status.Conditions = stamped(ctx, status.Conditions, to.Status.Conditions)
	to.ObjectMeta, to.Status = from.ObjectMeta, status
	return nil
}

// decisions are the conditions that only approval writes.
var decisions = []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied}

// keepConditions overwrites the conditions of a type by those that were there, if
// they are as many. If not, validation says so.
func keepConditions(conditions, before []certificatesv1.CertificateSigningRequestCondition, kind certificatesv1.RequestConditionType) {
	kept := ofType(before, kind)
	if len(ofType(conditions, kind)) != len(kept) {
		return
	}
	for i := range conditions {
		if conditions[i].Type == kind {
			conditions[i], kept = kept[0], kept[1:]
		}
	}
}

func ofType(conditions []certificatesv1.CertificateSigningRequestCondition, kind certificatesv1.RequestConditionType) (found []certificatesv1.CertificateSigningRequestCondition) {
	for _, c := range conditions {
		if c.Type == kind {
			found = append(found, c)
		}
	}
	return found
}

// stamped returns the conditions with the times that the client left open. A
// condition whose status stays keeps the time of its last transition.
func stamped(ctx context.Context, conditions, before []certificatesv1.CertificateSigningRequestCondition) []certificatesv1.CertificateSigningRequestCondition {
	now := api.Now(ctx)
	for i := range conditions {
		c := &conditions[i]
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = now
		}
		if !c.LastTransitionTime.IsZero() {
			continue
		}
		c.LastTransitionTime = now
		for _, old := range before {
			if old.Type == c.Type && old.Status == c.Status && !old.LastTransitionTime.IsZero() {
				c.LastTransitionTime = old.LastTransitionTime
				break
			}
		}
	}
	return conditions
}
