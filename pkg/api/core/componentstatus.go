package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// ComponentStatus is the resource componentstatuses: whether those answer that
// run beside the server. It is not stored, and nobody should build on it.
//
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/component-status-v1/
var ComponentStatus = &api.Resource{
	Version:     "v1",
	Kind:        "ComponentStatus",
	Plural:      "componentstatuses",
	Singular:    "componentstatus",
	ShortNames:  []string{"cs"},
	Verbs:       []string{"get", "list"},
	Virtual:     true,
	Deprecation: "v1 ComponentStatus is deprecated in v1.19+",
	New:         func() api.Object { return &corev1.ComponentStatus{} },
	NewList:     func() runtime.Object { return &corev1.ComponentStatusList{} },

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Status", "string", "Status of the component conditions"),
		api.Column("Message", "string", "Message of the component conditions"),
		api.Column("Error", "string", "Error of the component conditions"),
	},
	Row: componentStatusRow,
}

func componentStatusRow(obj api.Object, _ time.Time) []any {
	status, message, failure := "Unknown", "", ""
	for _, c := range obj.(*corev1.ComponentStatus).Conditions {
		if c.Type != corev1.ComponentHealthy {
			continue
		}
		status, message, failure = "Unhealthy", c.Message, c.Error
		if c.Status == corev1.ConditionTrue {
			status = "Healthy"
		}
	}
	return []any{obj.GetName(), status, message, failure}
}
