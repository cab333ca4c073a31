package scheduling

import (
	"testing"

	"slowmo/pkg/api/apitest"
)

func TestValidatePriorityClass(t *testing.T) {
	const reserved = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
	apitest.Create(t, PriorityClass, `{metadata: {name: a}, value: 1000000000}`)
	apitest.Create(t, PriorityClass, `{metadata: {name: a}, value: 1000000001, preemptionPolicy: ""}`,
		"value: Forbidden: maximum allowed value of a user defined priority is 1000000000", "preemptionPolicy: Required value")
	apitest.Create(t, PriorityClass, `{metadata: {name: system-a}}`, reserved+"system-a is not a known system priority class")
	apitest.Create(t, PriorityClass, `{metadata: {name: system-node-critical}}`, reserved+"value of system-node-critical PriorityClass must be 2000001000")
	apitest.Create(t, PriorityClass, `{metadata: {name: a}, preemptionPolicy: X}`, `preemptionPolicy: Unsupported value: "X": supported values: "PreemptLowerPriority", "Never"`)
	apitest.Update(t, PriorityClass, `{metadata: {name: a}, value: 1}`, `{metadata: {name: a}, value: 2, preemptionPolicy: Never}`,
		"value: Forbidden: may not be changed in an update.", `preemptionPolicy: Invalid value: "Never": field is immutable`)
}
