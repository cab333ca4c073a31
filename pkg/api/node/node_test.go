package node

import (
	"strings"
	"testing"

	"slowmo/pkg/api/apitest"
)

const label = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`

// TestRuntimeClass holds the words that kube-apiserver 1.37 answers with.
func TestRuntimeClass(t *testing.T) {
	apitest.Create(t, RuntimeClass, `{handler: runc, overhead: {podFixed: {cpu: 100m}}, scheduling: {nodeSelector: {a: b}, tolerations: [{key: a, operator: Exists}]}}`)
	apitest.Create(t, RuntimeClass, `{}`, `handler: Required value`)
	apitest.Create(t, RuntimeClass, `{handler: A, overhead: {podFixed: {cpu: "-1"}}, scheduling: {nodeSelector: {a: "!"}, tolerations: [{key: a}, {key: a, tolerationSeconds: 1, effect: NoExecute}, {key: a}]}}`,
		`overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`,
		`scheduling.nodeSelector: Invalid value: "!": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
		`scheduling.tolerations[2]: Duplicate value: {"Key":"a","Operator":"","Value":"","Effect":"","TolerationSeconds":null}`,
		`handler: Invalid value: "A": `+label)
	long := strings.Repeat("a", 64)
	apitest.Create(t, RuntimeClass, `handler: `+long, `handler: Invalid value: "`+long+`": must be no more than 63 bytes`)
	apitest.Update(t, RuntimeClass, `handler: a`, `handler: `+long, `handler: Invalid value: "`+long+`": must be no more than 63 characters`, `handler: Invalid value: null: field is immutable`)
	apitest.Update(t, RuntimeClass, `handler: a`, `handler: b`, `handler: Invalid value: null: field is immutable`)
	apitest.Update(t, RuntimeClass, `handler: a`, `{}`, `handler: Invalid value: null: field is immutable`, `handler: Required value`)
	apitest.Update(t, RuntimeClass, `handler: a`, `handler: B`, `handler: Invalid value: "B": `+label, `handler: Invalid value: null: field is immutable`)
	apitest.Row(t, RuntimeClass, `{metadata: {name: r}, handler: h}`, `["r","h","5m"]`)
	apitest.Warnings(t, RuntimeClass, "", `scheduling: {nodeSelector: {node-role.kubernetes.io/master: ""}}`,
		`scheduling.nodeSelector: use "node-role.kubernetes.io/control-plane" instead`)
}
