package bootstrap

import rbacv1 "k8s.io/api/rbac/v1"

// clusterRoles are kube-apiserver's default ClusterRoles but for those of the
// controllers.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
func clusterRoles() []role {
	roles := []role{
		{name: "cluster-admin", rules: []rbacv1.PolicyRule{
			allow("*", anything, "*"),
			{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
		}},
		{name: "admin", sums: "admin"},
		{name: "edit", sums: "edit", into: "admin"},
		{name: "view", sums: "view", into: "edit"},
		{name: "system:aggregate-to-admin", into: "admin", rules: []rbacv1.PolicyRule{
			allow("create", "authorization.k8s.io", "localsubjectaccessreviews"),
			allow(everything, "rbac.authorization.k8s.io", "rolebindings roles"),
		}},
		{name: "system:aggregate-to-edit", into: "edit", rules: editRules()},
		{name: "system:aggregate-to-view", into: "view", rules: viewRules()},

		{name: "system:basic-user", rules: []rbacv1.PolicyRule{
			allow("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
			allow("create", "authentication.k8s.io", "selfsubjectreviews"),
		}},
		{name: "system:discovery", rules: []rbacv1.PolicyRule{
			paths("/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/"),
		}},
		{name: "system:public-info-viewer", rules: []rbacv1.PolicyRule{
			paths("/healthz /livez /readyz /version /version/"),
		}},
		{name: "system:monitoring", rules: []rbacv1.PolicyRule{
			paths("/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz"),
			allow("get", core, "nodes/metrics"),
		}},
		{name: "system:service-account-issuer-discovery", rules: []rbacv1.PolicyRule{
			paths("/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/"),
		}},
		{name: "system:cluster-trust-bundle-discovery", rules: []rbacv1.PolicyRule{
			allow(read, "certificates.k8s.io", "clustertrustbundles"),
		}},
		{name: "system:auth-delegator", rules: []rbacv1.PolicyRule{
			allow("create", "authentication.k8s.io", "tokenreviews"),
			allow("create", "authorization.k8s.io", "subjectaccessreviews"),
		}},
		{name: "system:kubelet-api-admin", rules: []rbacv1.PolicyRule{
			allow(read, core, "nodes"),
			allow("proxy", core, "nodes"),
			allow("*", core, "nodes/log nodes/metrics nodes/proxy nodes/stats"),
			allow("*", core, "nodes/configz nodes/healthz nodes/pods"),
		}},
		{name: "system:kube-aggregator", rules: []rbacv1.PolicyRule{allow(read, core, "endpoints services")}},
		{name: "system:kube-dns", rules: []rbacv1.PolicyRule{allow("list watch", core, "endpoints services")}},
		{name: "system:heapster", rules: []rbacv1.PolicyRule{
			allow(read, core, "events namespaces nodes pods"),
			allow(read, "extensions", "deployments"),
		}},
		{name: "system:kube-controller-manager", rules: controllerManagerRules()},
		{name: "system:kube-scheduler", rules: schedulerRules()},
		{name: "system:volume-scheduler", rules: []rbacv1.PolicyRule{
			allow("get list patch update watch", core, "persistentvolumes"),
			allow(read, "storage.k8s.io", "storageclasses"),
			allow("get list patch update watch", core, "persistentvolumeclaims"),
		}},
		{name: "system:persistent-volume-provisioner", rules: []rbacv1.PolicyRule{
			allow("create delete get list watch", core, "persistentvolumes"),
			allow("get list update watch", core, "persistentvolumeclaims"),
			allow(read, "storage.k8s.io", "storageclasses"),
			allow("watch", core, "events"),
			recordEvents(),
		}},
	}
	return append(append(roles, nodeRoles()...), certificateRoles()...)
}

// nodeRoles are for what runs on nodes.
func nodeRoles() []role {
	return []role{
		{name: "system:node", rules: nodeRules()},
		{name: "system:node-proxier", rules: []rbacv1.PolicyRule{
			allow("list watch", core, "endpoints services"),
			allow(read, core, "nodes"),
			recordEvents(),
			allow("list watch", "networking.k8s.io", "servicecidrs"),
			allow("list watch", "discovery.k8s.io", "endpointslices"),
		}},
		{name: "system:node-bootstrapper", rules: []rbacv1.PolicyRule{
			allow("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
		}},
		{name: "system:node-problem-detector", rules: []rbacv1.PolicyRule{
			allow("get", core, "nodes"),
			allow("patch", core, "nodes/status"),
			recordEvents(),
		}},
	}
}

// certificateRoles are for those who approve certificates, one for each signer.
func certificateRoles() []role {
	const group, prefix = "certificates.k8s.io", "system:certificates.k8s.io:"
	approver := func(name, signer string) role {
		return role{name: prefix + name, rules: []rbacv1.PolicyRule{
			named(allow("approve", group, "signers"), "kubernetes.io/"+signer),
		}}
	}
	requester := func(subresource string) role {
		return role{name: prefix + "certificatesigningrequests:" + subresource, rules: []rbacv1.PolicyRule{
			allow("create", group, "certificatesigningrequests/"+subresource),
		}}
	}
	return []role{
		requester("nodeclient"),
		requester("selfnodeclient"),
		approver("kube-apiserver-client-approver", "kube-apiserver-client"),
		approver("kube-apiserver-client-kubelet-approver", "kube-apiserver-client-kubelet"),
		approver("kubelet-serving-approver", "kubelet-serving"),
		approver("legacy-unknown-approver", "legacy-unknown"),
	}
}

func editRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		allow(read, core, "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
		allow("impersonate", core, "serviceaccounts"),
		allow(write, core, "pods pods/attach pods/exec pods/portforward pods/proxy"),
		allow("create", core, "pods/eviction"),
		allow(write, core, "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy"),
		allow("create", core, "serviceaccounts/token"),
		allow(write, events, "events"),
		allow(write, "apps", "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale"),
		allow(write, "autoscaling", "horizontalpodautoscalers"),
		allow(write, "batch", "cronjobs jobs"),
		allow(write, "extensions", "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale"),
		allow(write, "policy", "poddisruptionbudgets"),
		allow(write, "networking.k8s.io", "ingresses networkpolicies"),
		allow(everything, "coordination.k8s.io", "leases"),
		allow(write, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
	}
}

func viewRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		allow(read, core, "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status"),
		allow(read, core, "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status"),
		allow(read, core, "namespaces"),
		allow(read, events, "events"),
		allow(read, "discovery.k8s.io", "endpointslices"),
		allow(read, "apps", "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status"),
		allow(read, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
		allow(read, "batch", "cronjobs cronjobs/status jobs jobs/status"),
		allow(read, "extensions", "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale"),
		allow(read, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
		allow(read, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
		allow(read, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
	}
}

func controllerManagerRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		recordEvents(),
		allow("create", "coordination.k8s.io", "leases"),
		named(allow("get update", "coordination.k8s.io", "leases"), "kube-controller-manager"),
		allow("create", core, "secrets serviceaccounts"),
		allow("delete", core, "secrets"),
		allow("get", core, "configmaps namespaces secrets serviceaccounts"),
		allow("update", core, "secrets serviceaccounts"),
		allow("create", "authentication.k8s.io", "tokenreviews"),
		allow("create", "authorization.k8s.io", "subjectaccessreviews"),
		allow("list watch", anything, "*"),
		allow("create", core, "serviceaccounts/token"),
	}
}

func schedulerRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		recordEvents(),
		allow("create", "coordination.k8s.io", "leases"),
		named(allow("get list update watch", "coordination.k8s.io", "leases"), "kube-scheduler"),
		allow(everything, "coordination.k8s.io", "leasecandidates"),
		allow(read, core, "nodes"),
		allow("delete get list watch", core, "pods"),
		allow("create", core, "bindings pods/binding"),
		allow(change, core, "pods/status"),
		allow(read, core, "replicationcontrollers services"),
		allow(read, "apps extensions", "replicasets"),
		allow(read, "apps", "statefulsets"),
		allow(read, "policy", "poddisruptionbudgets"),
		allow(read, core, "persistentvolumeclaims persistentvolumes"),
		allow("create", "authentication.k8s.io", "tokenreviews"),
		allow("create", "authorization.k8s.io", "subjectaccessreviews"),
		allow(read, "storage.k8s.io", "csinodes"),
		allow(read, "storage.k8s.io", "volumeattachments"),
		allow(read, core, "namespaces"),
		allow(read, "storage.k8s.io", "csidrivers"),
		allow(read, "storage.k8s.io", "csistoragecapacities"),
		allow(read, "resource.k8s.io", "deviceclasses"),
		allow("get list patch update watch", "resource.k8s.io", "resourceclaims"),
		allow("get list patch update watch", "resource.k8s.io", "resourceclaims/status"),
		allow("update", core, "pods/finalizers"),
		allow(read, "resource.k8s.io", "resourceslices"),
		allow("create delete", "resource.k8s.io", "resourceclaims"),
		allow(read, "resource.k8s.io", "devicetaintrules"),
		allow(change, "resource.k8s.io", "resourceclaims/binding"),
	}
}

func nodeRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		allow("create", "authentication.k8s.io", "tokenreviews"),
		allow("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
		allow(read, core, "services"),
		allow("create get list watch", core, "nodes"),
		allow(change, core, "nodes/status"),
		allow(change, core, "nodes"),
		recordEvents(),
		allow(read, core, "pods"),
		allow("create delete", core, "pods"),
		allow(change, core, "pods/status"),
		allow("create", core, "pods/eviction"),
		allow(read, core, "configmaps secrets"),
		allow("get", core, "persistentvolumeclaims persistentvolumes"),
		allow("get", core, "endpoints"),
		allow("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
		allow("create delete get patch update", "coordination.k8s.io", "leases"),
		allow("get", "storage.k8s.io", "volumeattachments"),
		allow("create", core, "serviceaccounts/token"),
		allow("get patch update", core, "persistentvolumeclaims/status"),
		allow(read, "storage.k8s.io", "csidrivers"),
		allow("create delete get patch update", "storage.k8s.io", "csinodes"),
		allow(read, "node.k8s.io", "runtimeclasses"),
		allow("get", "resource.k8s.io", "resourceclaims"),
		allow("deletecollection", "resource.k8s.io", "resourceslices"),
		allow(read, "certificates.k8s.io", "clustertrustbundles"),
		allow("get", core, "serviceaccounts"),
		allow("create get list watch", "certificates.k8s.io", "podcertificaterequests"),
	}
}

// namespacedRoles are the default Roles.
func namespacedRoles() []role {
	leading := func(who string) role {
		return role{namespace: "kube-system", name: "system::leader-locking-" + who, rules: []rbacv1.PolicyRule{
			allow("create get list update watch", "coordination.k8s.io", "leases"),
			allow("create get list update watch", "coordination.k8s.io", "leasecandidates"),
		}}
	}
	return []role{
		{namespace: "kube-public", name: controllerPrefix + "bootstrap-signer", rules: []rbacv1.PolicyRule{
			allow(read, core, "configmaps"),
			named(allow("update", core, "configmaps"), "cluster-info"),
			recordEvents(),
		}},
		{namespace: "kube-system", name: "extension-apiserver-authentication-reader", rules: []rbacv1.PolicyRule{
			named(allow(read, core, "configmaps"), "extension-apiserver-authentication"),
		}},
		leading("kube-controller-manager"),
		leading("kube-scheduler"),
		{namespace: "kube-system", name: controllerPrefix + "bootstrap-signer", rules: []rbacv1.PolicyRule{
			allow(read, core, "secrets"),
		}},
		{namespace: "kube-system", name: controllerPrefix + "cloud-provider", rules: []rbacv1.PolicyRule{
			allow("create get list watch", core, "configmaps"),
		}},
		{namespace: "kube-system", name: controllerPrefix + "token-cleaner", rules: []rbacv1.PolicyRule{
			allow("delete get list watch", core, "secrets"),
			recordEvents(),
		}},
	}
}
