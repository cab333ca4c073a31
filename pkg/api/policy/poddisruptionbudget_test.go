package policy

import (
	"slices"
	"testing"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api/apitest"
)

func budgetOf(t *testing.T, spec string) *policyv1.PodDisruptionBudget {
	t.Helper()
	budget := &policyv1.PodDisruptionBudget{}
	budget.Name = "b"
	if err := yaml.UnmarshalStrict([]byte("{"+spec+"}"), &budget.Spec); err != nil {
		t.Fatal(err)
	}
	parts.PrepareCreate(t.Context(), budget)
	return budget
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain": {"maxUnavailable: 50%, selector: {matchLabels: {app: x}}", nil},
		"empty": {"", nil},
		"both": {"minAvailable: 1, maxUnavailable: 1, selector: {matchLabels: {app: x}}", []string{
			`spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"app":"x"}},"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set`}},
		"amounts": {"minAvailable: 101%", []string{`spec.minAvailable: Invalid value: "101%": must not be greater than 100%`}},
		"negative": {"maxUnavailable: -1, unhealthyPodEvictionPolicy: Never", []string{
			"spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0",
			`spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"`}},
		"selector": {"selector: {matchExpressions: [{key: a, operator: In}]}", []string{
			"spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"}},
	} {
		apitest.Errors(t, name, validate(budgetOf(t, c.spec)), c.want...)
	}
}

func TestUpdateAndStatus(t *testing.T) {
	old := budgetOf(t, "minAvailable: 1")
	old.Status.ExpectedPods = 2
	budget := old.DeepCopy()
	budget.Status.ExpectedPods = 9
	parts.PrepareUpdate(t.Context(), budget, old)
	if budget.Generation != 1 || budget.Status.ExpectedPods != 2 {
		t.Errorf("generation %d, expected %d", budget.Generation, budget.Status.ExpectedPods)
	}
	budget.Spec.MinAvailable = ptr.To(intstr.FromInt32(2))
	parts.PrepareUpdate(t.Context(), budget, old)
	if budget.Generation != 2 {
		t.Errorf("generation %d", budget.Generation)
	}
	budget.Status.CurrentHealthy = -1
	apitest.Errors(t, "status", validateStatus(budget, old), "status.currentHealthy: Invalid value: -1: must be greater than or equal to 0")
}

func TestRow(t *testing.T) {
	got := row(budgetOf(t, "maxUnavailable: 50%"), time.Now())
	if want := []any{"b", "N/A", "50%", int64(0), "<unknown>"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
