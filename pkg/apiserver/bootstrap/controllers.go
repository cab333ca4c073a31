package bootstrap

import rbacv1 "k8s.io/api/rbac/v1"

// controllerPrefix begins the names of the controllers' ClusterRoles.
const controllerPrefix = "system:controller:"

// controller is what a controller of the controller-manager may do, under its own
// service account kube-system/NAME.
type controller struct {
	name  string
	rules []rbacv1.PolicyRule
}

// controllers lists what upstream's controllers are given.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#controller-roles
func controllers() []controller {
	lists := [][]controller{workloadControllers(), networkControllers(), lifecycleControllers(), volumeControllers()}
	var out []controller
	for _, list := range lists {
		out = append(out, list...)
	}
	return out
}

type rules = []rbacv1.PolicyRule

func workloadControllers() []controller {
	return []controller{
		{"cronjob-controller", rules{
			allow("get list update watch", "batch", "cronjobs"),
			allow("create delete get list patch update watch", "batch", "jobs"),
			allow("update", "batch", "cronjobs/status"),
			allow("update", "batch", "cronjobs/finalizers"),
			allow("delete list watch", core, "pods"),
			recordEvents(),
		}},
		{"daemon-set-controller", rules{
			allow(read, "apps extensions", "daemonsets"),
			allow("update", "apps extensions", "daemonsets/status"),
			allow("update", "apps extensions", "daemonsets/finalizers"),
			allow("list watch", core, "nodes"),
			allow("create delete list patch watch", core, "pods"),
			allow("create", core, "pods/binding"),
			allow("create delete get list patch update watch", "apps", "controllerrevisions"),
			recordEvents(),
		}},
		{"deployment-controller", rules{
			allow("get list update watch", "apps extensions", "deployments"),
			allow("update", "apps extensions", "deployments/status"),
			allow("update", "apps extensions", "deployments/finalizers"),
			allow("create delete get list patch update watch", "apps extensions", "replicasets"),
			allow("get list update watch", core, "pods"),
			recordEvents(),
		}},
		{"disruption-controller", rules{
			allow(read, "apps extensions", "deployments"),
			allow(read, "apps extensions", "replicasets"),
			allow(read, core, "replicationcontrollers"),
			allow(read, "policy", "poddisruptionbudgets"),
			allow(read, "apps", "statefulsets"),
			allow("update", "policy", "poddisruptionbudgets/status"),
			allow(change, core, "pods/status"),
			allow("get", anything, "*/scale"),
			recordEvents(),
		}},
		{"horizontal-pod-autoscaler", rules{
			allow(read, "autoscaling", "horizontalpodautoscalers"),
			allow("update", "autoscaling", "horizontalpodautoscalers/status"),
			allow("get update", anything, "*/scale"),
			allow("list watch", core, "pods"),
			allow("list watch", "metrics.k8s.io", "pods"),
			allow(read, "custom.metrics.k8s.io", "*"),
			allow(read, "external.metrics.k8s.io", "*"),
			recordEvents(),
		}},
		{"job-controller", rules{
			allow("get list patch update watch", "batch", "jobs"),
			allow("update", "batch", "jobs/status"),
			allow("update", "batch", "jobs/finalizers"),
			allow("create delete list patch watch", core, "pods"),
			recordEvents(),
		}},
		{"replicaset-controller", rules{
			allow("get list update watch", "apps extensions", "replicasets"),
			allow("update", "apps extensions", "replicasets/status"),
			allow("update", "apps extensions", "replicasets/finalizers"),
			allow("create delete list patch watch", core, "pods"),
			recordEvents(),
		}},
		{"replication-controller", rules{
			allow("get list update watch", core, "replicationcontrollers"),
			allow("update", core, "replicationcontrollers/status"),
			allow("update", core, "replicationcontrollers/finalizers"),
			allow("create delete list patch watch", core, "pods"),
			recordEvents(),
		}},
		{"statefulset-controller", rules{
			allow("list watch", core, "pods"),
			allow(read, "apps", "statefulsets"),
			allow("update", "apps", "statefulsets/status"),
			allow("update", "apps", "statefulsets/finalizers"),
			allow("create delete get patch update", core, "pods"),
			allow("create delete get list patch update watch", "apps", "controllerrevisions"),
			allow("create get list watch", core, "persistentvolumeclaims"),
			allow("delete update", core, "persistentvolumeclaims"),
			allow("update", core, "pods/finalizers"),
			recordEvents(),
		}},
		{"ttl-after-finished-controller", rules{
			allow("delete get list watch", "batch", "jobs"),
			recordEvents(),
		}},
	}
}

func networkControllers() []controller {
	return []controller{
		{"endpoint-controller", rules{
			allow(read, core, "pods services"),
			allow("create delete get list update watch", core, "endpoints"),
			allow("create", core, "endpoints/restricted"),
			recordEvents(),
		}},
		{"endpointslice-controller", rules{
			allow(read, core, "nodes pods services"),
			allow("update", core, "services/finalizers"),
			allow("create delete get list update watch", "discovery.k8s.io", "endpointslices"),
			recordEvents(),
		}},
		{"endpointslicemirroring-controller", rules{
			allow(read, core, "endpoints services"),
			allow("update", core, "services/finalizers"),
			allow("update", core, "endpoints/finalizers"),
			allow("create delete get list update watch", "discovery.k8s.io", "endpointslices"),
			recordEvents(),
		}},
		{"route-controller", rules{
			allow("list watch", core, "nodes"),
			allow("patch", core, "nodes/status"),
			recordEvents(),
		}},
		{"service-cidrs-controller", rules{
			allow("get list patch update watch", "networking.k8s.io", "servicecidrs"),
			allow(change, "networking.k8s.io", "servicecidrs/finalizers"),
			allow(change, "networking.k8s.io", "servicecidrs/status"),
			allow(read, "networking.k8s.io", "ipaddresses"),
			recordEvents(),
		}},
		{"service-controller", rules{
			allow(read, core, "services"),
			allow(change, core, "services/status"),
			allow("list watch", core, "nodes"),
			recordEvents(),
		}},
	}
}

func lifecycleControllers() []controller {
	return []controller{
		{"certificate-controller", rules{
			allow("delete get list watch", "certificates.k8s.io", "certificatesigningrequests"),
			allow("update", "certificates.k8s.io", "certificatesigningrequests/approval certificatesigningrequests/status"),
			named(allow("approve", "certificates.k8s.io", "signers"), "kubernetes.io/kube-apiserver-client-kubelet"),
			named(allow("sign", "certificates.k8s.io", "signers"),
				"kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown"),
			allow("create", "authorization.k8s.io", "subjectaccessreviews"),
			recordEvents(),
		}},
		{"clusterrole-aggregation-controller", rules{
			allow("escalate get list patch update watch", "rbac.authorization.k8s.io", "clusterroles"),
		}},
		{"device-taint-eviction-controller", rules{
			allow("delete get list watch", core, "pods"),
			allow(change, core, "pods/status"),
			allow(read, "resource.k8s.io", "resourceclaims"),
			allow(read, "resource.k8s.io", "resourceslices"),
			allow(read, "resource.k8s.io", "deviceclasses"),
			recordEvents(),
			allow(change, "resource.k8s.io", "devicetaintrules/status"),
			allow(read, "resource.k8s.io", "devicetaintrules"),
		}},
		{"generic-garbage-collector", rules{
			allow("delete get list patch update watch", anything, "*"),
			recordEvents(),
		}},
		{"kube-apiserver-serving-clustertrustbundle-publisher", rules{
			named(allow("attest", "certificates.k8s.io", "signers"), "kubernetes.io/kube-apiserver-serving"),
			allow("create delete list update watch", "certificates.k8s.io", "clustertrustbundles"),
			recordEvents(),
		}},
		{"legacy-service-account-token-cleaner", rules{
			named(allow("get", core, "configmaps"), "kube-apiserver-legacy-service-account-token-tracking"),
			allow("delete patch", core, "secrets"),
		}},
		{"namespace-controller", rules{
			allow("delete get list watch", core, "namespaces"),
			allow("update", core, "namespaces/finalize namespaces/status"),
			allow("delete deletecollection get list watch", anything, "*"),
		}},
		{"node-controller", rules{
			allow("delete get list patch update watch", core, "nodes"),
			allow(change, core, "nodes/status"),
			allow(change, core, "pods/status"),
			allow("delete get list watch", core, "pods"),
			allow(read, "coordination.k8s.io", "leases"),
			recordEvents(),
		}},
		{"pod-garbage-collector", rules{
			allow("delete list watch", core, "pods"),
			allow(read, core, "nodes"),
			allow("patch", core, "pods/status"),
		}},
		{"podcertificaterequestcleaner", rules{
			allow("delete get list watch", "certificates.k8s.io", "podcertificaterequests"),
		}},
		{"resourcequota-controller", rules{
			allow("list watch", anything, "*"),
			allow("update", core, "resourcequotas/status"),
			recordEvents(),
		}},
		{"root-ca-cert-publisher", rules{
			allow("create update", core, "configmaps"),
			recordEvents(),
		}},
		{"service-account-controller", rules{
			allow("create", core, "serviceaccounts"),
			recordEvents(),
		}},
		{"storage-version-migrator-controller", rules{
			allow("list patch", anything, "*"),
			allow("get", "apiextensions.k8s.io", "customresourcedefinitions"),
			allow("patch", "apiextensions.k8s.io", "customresourcedefinitions/status"),
			allow("update", "storagemigration.k8s.io", "storageversionmigrations/status"),
		}},
		{"ttl-controller", rules{
			allow("list patch update watch", core, "nodes"),
			recordEvents(),
		}},
		{"validatingadmissionpolicy-status-controller", rules{
			allow(read, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
			allow("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"),
			recordEvents(),
		}},
	}
}

func volumeControllers() []controller {
	return []controller{
		{"attachdetach-controller", rules{
			allow("list watch", core, "persistentvolumeclaims persistentvolumes"),
			allow(read, core, "nodes"),
			allow(change, core, "nodes/status"),
			allow("list watch", core, "pods"),
			recordEvents(),
			allow("create delete get list watch", "storage.k8s.io", "volumeattachments"),
			allow(read, "storage.k8s.io", "csidrivers"),
			allow(read, "storage.k8s.io", "csinodes"),
		}},
		{"ephemeral-volume-controller", rules{
			allow(read, core, "pods"),
			allow("update", core, "pods/finalizers"),
			allow("create get list watch", core, "persistentvolumeclaims"),
			recordEvents(),
		}},
		{"expand-controller", rules{
			allow("get list patch update watch", core, "persistentvolumes"),
			allow(change, core, "persistentvolumeclaims/status"),
			allow(read, core, "persistentvolumeclaims"),
			recordEvents(),
		}},
		{"persistent-volume-binder", rules{
			allow("create delete get list update watch", core, "persistentvolumes"),
			allow("update", core, "persistentvolumes/status"),
			allow("get list update watch", core, "persistentvolumeclaims"),
			allow("update", core, "persistentvolumeclaims/status"),
			allow("create delete get list watch", core, "pods"),
			allow(read, "storage.k8s.io", "storageclasses"),
			allow("list watch", core, "nodes"),
			recordEvents(),
			allow("watch", core, "events"),
		}},
		{"pv-protection-controller", rules{
			allow("get list update watch", core, "persistentvolumes"),
			recordEvents(),
		}},
		{"pvc-protection-controller", rules{
			allow("get list update watch", core, "persistentvolumeclaims"),
			allow("update", core, "persistentvolumeclaims/status"),
			allow(read, core, "pods"),
			recordEvents(),
		}},
		{"resource-claim-controller", rules{
			allow(read, core, "pods"),
			allow("update", core, "pods/finalizers"),
			allow("create delete get list watch", "resource.k8s.io", "resourceclaims"),
			allow(change, "resource.k8s.io", "resourceclaims resourceclaims/status"),
			allow(change, core, "pods/status"),
			recordEvents(),
			allow(change, "resource.k8s.io", "resourceclaims/binding"),
		}},
		{"selinux-warning-controller", rules{
			recordEvents(),
			allow(read, core, "persistentvolumes"),
			allow(read, core, "persistentvolumeclaims"),
			allow(read, core, "pods"),
			allow(read, "storage.k8s.io", "csidrivers"),
		}},
		{"volumeattributesclass-protection-controller", rules{
			allow(read, core, "persistentvolumeclaims"),
			allow(read, core, "persistentvolumes"),
			allow("get list update watch", "storage.k8s.io", "volumeattributesclasses"),
			recordEvents(),
		}},
	}
}
