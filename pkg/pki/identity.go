package pki

// Identity is who a client certificate says that its holder is.
type Identity struct {
	User   string
	Groups []string
}

// Request returns the request for the identity's client certificate.
func (i Identity) Request() Request {
	return Request{CommonName: i.User, Organizations: i.Groups}
}

// Admin may do everything: the API server grants that to the group without
// asking any role.
func Admin() Identity {
	return Identity{User: "admin", Groups: []string{"system:masters"}}
}

// ControllerManager is the user that ClusterRole system:kube-controller-manager is bound to.
func ControllerManager() Identity {
	return Identity{User: "system:kube-controller-manager"}
}

// Scheduler is the user that ClusterRole system:kube-scheduler is bound to.
func Scheduler() Identity {
	return Identity{User: "system:kube-scheduler"}
}

// Node is the kubelet of the node called name. The Node authorizer and the
// NodeRestriction admission plugin go by user and group.
func Node(name string) Identity {
	return Identity{User: "system:node:" + name, Groups: []string{"system:nodes"}}
}

// Proxy is the user that ClusterRole system:node-proxier is bound to.
func Proxy() Identity {
	return Identity{User: "system:kube-proxy"}
}

// KubeletClient is the API server when it calls a kubelet. It is no
// administrator: ClusterRole system:kubelet-api-admin is all that it is bound to.
func KubeletClient() Identity {
	return Identity{User: "kube-apiserver-kubelet-client"}
}
