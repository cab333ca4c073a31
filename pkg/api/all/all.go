// Package all is the one list of what the server serves.
//
// Adding a kind means one file that defines its api.Resource and one line here.
package all

import (
	"slowmo/pkg/api"
	"slowmo/pkg/api/admissionregistration"
	"slowmo/pkg/api/apiextensions"
	"slowmo/pkg/api/apiregistration"
	"slowmo/pkg/api/apps"
	"slowmo/pkg/api/authentication"
	"slowmo/pkg/api/authorization"
	"slowmo/pkg/api/autoscaling"
	"slowmo/pkg/api/batch"
	"slowmo/pkg/api/certificates"
	"slowmo/pkg/api/coordination"
	"slowmo/pkg/api/core"
	"slowmo/pkg/api/discovery"
	"slowmo/pkg/api/flowcontrol"
	"slowmo/pkg/api/networking"
	"slowmo/pkg/api/node"
	"slowmo/pkg/api/policy"
	"slowmo/pkg/api/rbac"
	"slowmo/pkg/api/resource"
	"slowmo/pkg/api/scheduling"
	"slowmo/pkg/api/storage"
	"slowmo/pkg/api/storagemigration"
)

// Resources returns every resource that is served, grouped and in the order in
// which discovery lists them within a group. The values are shared: callers
// must not change them.
func Resources() []*api.Resource {
	return []*api.Resource{
		core.Binding,
		core.ComponentStatus,
		core.ConfigMap,
		core.Endpoints,
		core.Event,
		core.LimitRange,
		core.Namespace,
		core.Node,
		core.PersistentVolumeClaim,
		core.PersistentVolume,
		core.Pod,
		core.PodTemplate,
		core.ReplicationController,
		core.ResourceQuota,
		core.Secret,
		core.ServiceAccount,
		core.Service,

		admissionregistration.MutatingAdmissionPolicy,
		admissionregistration.MutatingAdmissionPolicyBinding,
		admissionregistration.MutatingWebhookConfiguration,
		admissionregistration.ValidatingAdmissionPolicy,
		admissionregistration.ValidatingAdmissionPolicyBinding,
		admissionregistration.ValidatingWebhookConfiguration,

		apiextensions.CustomResourceDefinition,

		apps.ControllerRevision,
		apps.DaemonSet,
		apps.Deployment,
		apps.ReplicaSet,
		apps.StatefulSet,

		apiregistration.APIService,

		authentication.SelfSubjectReview,
		authentication.TokenReview,

		authorization.LocalSubjectAccessReview,
		authorization.SelfSubjectAccessReview,
		authorization.SelfSubjectRulesReview,
		authorization.SubjectAccessReview,

		autoscaling.HorizontalPodAutoscaler,

		batch.CronJob,
		batch.Job,

		certificates.CertificateSigningRequest,
		certificates.ClusterTrustBundle,
		certificates.PodCertificateRequest,

		coordination.Lease,

		discovery.EndpointSlice,

		flowcontrol.FlowSchema,
		flowcontrol.PriorityLevelConfiguration,

		networking.IngressClass,
		networking.Ingress,
		networking.IPAddress,
		networking.NetworkPolicy,
		networking.ServiceCIDR,

		node.RuntimeClass,

		policy.PodDisruptionBudget,

		rbac.ClusterRoleBinding,
		rbac.ClusterRole,
		rbac.RoleBinding,
		rbac.Role,

		resource.DeviceClass,
		resource.DeviceTaintRule,
		resource.ResourceClaim,
		resource.ResourceClaimTemplate,
		resource.ResourceSlice,

		scheduling.PriorityClass,

		storage.CSIDriver,
		storage.CSINode,
		storage.CSIStorageCapacity,
		storage.StorageClass,
		storage.VolumeAttachment,
		storage.VolumeAttributesClass,

		storagemigration.StorageVersionMigration,
	}
}
