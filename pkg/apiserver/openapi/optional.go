package openapi

// optional lists the fields that may be left out although their JSON tag lacks
// omitempty: what the sources say in comments, which reflection does not see.
var optional = map[string]bool{
	"io.k8s.api.apps.v1.StatefulSetOrdinals.start":                           true,
	"io.k8s.api.apps.v1.StatefulSetSpec.serviceName":                         true,
	"io.k8s.api.apps.v1.StatefulSetStatus.availableReplicas":                 true,
	"io.k8s.api.authentication.v1.TokenRequestSpec.boundObjectRef":           true,
	"io.k8s.api.authentication.v1.TokenRequestSpec.expirationSeconds":        true,
	"io.k8s.api.core.v1.AzureFilePersistentVolumeSource.secretNamespace":     true,
	"io.k8s.api.core.v1.ContainerImage.names":                                true,
	"io.k8s.api.core.v1.Event.reportingComponent":                            true,
	"io.k8s.api.core.v1.Event.reportingInstance":                             true,
	"io.k8s.api.core.v1.GRPCAction.service":                                  true,
	"io.k8s.api.core.v1.NodeRuntimeHandler.name":                             true,
	"io.k8s.api.core.v1.ProjectedVolumeSource.sources":                       true,
	"io.k8s.api.core.v1.TypedLocalObjectReference.apiGroup":                  true,
	"io.k8s.api.core.v1.TypedObjectReference.apiGroup":                       true,
	"io.k8s.api.discovery.v1.EndpointSlice.endpoints":                        true,
	"io.k8s.api.discovery.v1.EndpointSlice.ports":                            true,
	"io.k8s.api.networking.v1.IngressClassParametersReference.scope":         true,
	"io.k8s.api.networking.v1.NetworkPolicySpec.podSelector":                 true,
	"io.k8s.api.policy.v1.PodDisruptionBudgetStatus.disruptionsAllowed":      true,
	"io.k8s.api.rbac.v1.ClusterRole.rules":                                   true,
	"io.k8s.api.rbac.v1.Role.rules":                                          true,
	"io.k8s.api.rbac.v1.RoleRef.apiGroup":                                    true,
	"io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern.status":      true,
	"io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus.currentMetrics": true,
}
