package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/utils/ptr"
)

// PriorityLevels returns the priority levels that a cluster starts with, the
// mandatory ones first.
func PriorityLevels() []*flowcontrolv1.PriorityLevelConfiguration {
	return append(mandatoryPriorityLevels(),
		queuedLevel("system", 30, 33, 64, 6),
		queuedLevel("node-high", 40, 25, 64, 6),
		queuedLevel("leader-election", 10, 0, 16, 4),
		queuedLevel("workload-high", 40, 50, 128, 6),
		queuedLevel("workload-low", 100, 90, 128, 6),
		queuedLevel("global-default", 20, 50, 128, 6),
	)
}

func mandatoryPriorityLevels() []*flowcontrolv1.PriorityLevelConfiguration {
	exempt := newLevel("exempt")
	exempt.Spec = flowcontrolv1.PriorityLevelConfigurationSpec{
		Type:   flowcontrolv1.PriorityLevelEnablementExempt,
		Exempt: &flowcontrolv1.ExemptPriorityLevelConfiguration{NominalConcurrencyShares: ptr.To[int32](0), LendablePercent: ptr.To[int32](0)},
	}
	catchAll := limitedLevel("catch-all", 5, 0, flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject})
	return []*flowcontrolv1.PriorityLevelConfiguration{catchAll, exempt}
}

func newLevel(name string) *flowcontrolv1.PriorityLevelConfiguration {
	level := &flowcontrolv1.PriorityLevelConfiguration{}
	level.Name, level.Annotations = name, autoUpdate()
	return level
}

// autoUpdate marks an object whose spec the server keeps as it should be. A
// client that wants it otherwise says false.
func autoUpdate() map[string]string {
	return map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: "true"}
}

func limitedLevel(name string, shares, lendable int32, response flowcontrolv1.LimitResponse) *flowcontrolv1.PriorityLevelConfiguration {
	level := newLevel(name)
	level.Spec = flowcontrolv1.PriorityLevelConfigurationSpec{
		Type: flowcontrolv1.PriorityLevelEnablementLimited,
		Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
			NominalConcurrencyShares: ptr.To(shares), LendablePercent: ptr.To(lendable), LimitResponse: response,
		},
	}
	return level
}

// queuedLevel is a level whose requests wait: each flow has a hand of the queues.
func queuedLevel(name string, shares, lendable, queues, hand int32) *flowcontrolv1.PriorityLevelConfiguration {
	return limitedLevel(name, shares, lendable, flowcontrolv1.LimitResponse{
		Type:    flowcontrolv1.LimitResponseTypeQueue,
		Queuing: &flowcontrolv1.QueuingConfiguration{Queues: queues, HandSize: hand, QueueLengthLimit: 50},
	})
}

// How the requests of a schema are told apart into flows.
const (
	notAtAll    = flowcontrolv1.FlowDistinguisherMethodType("")
	byUser      = flowcontrolv1.FlowDistinguisherMethodByUserType
	byNamespace = flowcontrolv1.FlowDistinguisherMethodByNamespaceType
)

// FlowSchemas returns the flow schemas that a cluster starts with, the
// mandatory ones first.
func FlowSchemas() []*flowcontrolv1.FlowSchema {
	nodes, everyone := groups("system:nodes"), groups("system:unauthenticated", "system:authenticated")
	manager, scheduler, system := user("system:kube-controller-manager"), user("system:kube-scheduler"), systemAccounts()
	anywhere := []string{flowcontrolv1.NamespaceEvery}
	leases := func(verbs ...string) flowcontrolv1.ResourcePolicyRule {
		return flowcontrolv1.ResourcePolicyRule{Verbs: verbs, APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Namespaces: anywhere}
	}
	return append(mandatoryFlowSchemas(),
		newSchema("system-nodes", "system", 500, byUser, everything(nodes...)),
		newSchema("system-node-high", "node-high", 400, byUser, flowcontrolv1.PolicyRulesWithSubjects{
			Subjects: nodes,
			ResourceRules: []flowcontrolv1.ResourcePolicyRule{
				{Verbs: []string{"*"}, APIGroups: []string{""}, Resources: []string{"nodes", "nodes/status"}, Namespaces: anywhere, ClusterScope: true},
				leases("*"),
			},
		}),
		newSchema("probes", "exempt", 2, notAtAll, flowcontrolv1.PolicyRulesWithSubjects{
			Subjects:         everyone,
			NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz", "/readyz", "/livez"}}},
		}),
		newSchema("system-leader-election", "leader-election", 100, byUser, flowcontrolv1.PolicyRulesWithSubjects{
			Subjects:      []flowcontrolv1.Subject{manager, scheduler, system},
			ResourceRules: []flowcontrolv1.ResourcePolicyRule{leases("get", "create", "update")},
		}),
		newSchema("kube-controller-manager", "workload-high", 800, byNamespace, everything(manager)),
		newSchema("kube-scheduler", "workload-high", 800, byNamespace, everything(scheduler)),
		newSchema("kube-system-service-accounts", "workload-high", 900, byNamespace, everything(system)),
		newSchema("service-accounts", "workload-low", 9000, byUser, everything(groups("system:serviceaccounts")...)),
		newSchema("global-default", "global-default", 9900, byUser, everything(everyone...)),
	)
}

func mandatoryFlowSchemas() []*flowcontrolv1.FlowSchema {
	return []*flowcontrolv1.FlowSchema{
		newSchema("exempt", "exempt", firstPrecedence, notAtAll, everything(groups("system:masters")...)),
		newSchema("catch-all", "catch-all", lastPrecedence, byUser, everything(groups("system:unauthenticated", "system:authenticated")...)),
	}
}

func newSchema(name, level string, precedence int32, method flowcontrolv1.FlowDistinguisherMethodType, rules flowcontrolv1.PolicyRulesWithSubjects) *flowcontrolv1.FlowSchema {
	schema := &flowcontrolv1.FlowSchema{}
	schema.Name, schema.Annotations = name, autoUpdate()
	schema.Spec = flowcontrolv1.FlowSchemaSpec{
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: level},
		MatchingPrecedence:         precedence,
		Rules:                      []flowcontrolv1.PolicyRulesWithSubjects{rules},
	}
	if method != notAtAll {
		schema.Spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: method}
	}
	return schema
}

// everything are the rules that match every request of the subjects.
func everything(subjects ...flowcontrolv1.Subject) flowcontrolv1.PolicyRulesWithSubjects {
	all := []string{"*"}
	return flowcontrolv1.PolicyRulesWithSubjects{
		Subjects:         subjects,
		ResourceRules:    []flowcontrolv1.ResourcePolicyRule{{Verbs: all, APIGroups: all, Resources: all, Namespaces: all, ClusterScope: true}},
		NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: all, NonResourceURLs: all}},
	}
}

func groups(names ...string) (subjects []flowcontrolv1.Subject) {
	for _, name := range names {
		subjects = append(subjects, flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindGroup, Group: &flowcontrolv1.GroupSubject{Name: name}})
	}
	return subjects
}

func user(name string) flowcontrolv1.Subject {
	return flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{Name: name}}
}

// systemAccounts are all service accounts in kube-system.
func systemAccounts() flowcontrolv1.Subject {
	return flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindServiceAccount,
		ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: "kube-system", Name: flowcontrolv1.NameAll}}
}
