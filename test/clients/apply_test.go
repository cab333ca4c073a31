package clients

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
)

// deployment is what one manager says of it: its image, and what else configure adds.
func deployment(image string) *appsapply.DeploymentApplyConfiguration {
	labels := map[string]string{"app": "a"}
	return appsapply.Deployment("a", "default").WithSpec(appsapply.DeploymentSpec().
		WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(coreapply.PodTemplateSpec().WithLabels(labels).WithSpec(coreapply.PodSpec().
			WithContainers(coreapply.Container().WithName("main").WithImage(image)))))
}

// TestApply: two managers share a Deployment; what both want is a conflict until
// one forces it, and what the last owner no longer names goes.
func TestApply(t *testing.T) {
	deployments := started(t).Client(t).AppsV1().Deployments("default")
	by := func(manager string) metav1.ApplyOptions { return metav1.ApplyOptions{FieldManager: manager} }
	if _, err := deployments.Apply(t.Context(), deployment("one").WithLabels(map[string]string{"first": "yes"}), by("first")); err != nil {
		t.Fatal(err)
	}
	second := appsapply.Deployment("a", "default").WithSpec(appsapply.DeploymentSpec().WithReplicas(3).
		WithTemplate(coreapply.PodTemplateSpec().WithSpec(coreapply.PodSpec().WithContainers(
			coreapply.Container().WithName("side").WithImage("other")))))
	shared, err := deployments.Apply(t.Context(), second, by("second"))
	if err != nil {
		t.Fatal(err)
	}
	if c := shared.Spec.Template.Spec.Containers; len(c) != 2 || *shared.Spec.Replicas != 3 || shared.Labels["first"] != "yes" {
		t.Errorf("both managers: %d replicas, labels %v, containers %v", *shared.Spec.Replicas, shared.Labels, c)
	}

	_, err = deployments.Apply(t.Context(), deployment("two"), by("third"))
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `conflict with "first": .spec.template.spec.containers[name="main"].image`) {
		t.Fatalf("want a conflict that names the field and its manager, got %v", err)
	}
	forced, err := deployments.Apply(t.Context(), deployment("two"), metav1.ApplyOptions{FieldManager: "third", Force: true})
	if err != nil || forced.Spec.Template.Spec.Containers[0].Image != "two" {
		t.Fatalf("force: %v, %v", forced, err)
	}

	// What a manager applied can be read back, changed and applied again.
	mine, err := appsapply.ExtractDeployment(forced, "second")
	if err != nil || mine.Spec.Replicas == nil || *mine.Spec.Replicas != 3 || len(mine.Spec.Template.Spec.Containers) != 1 || mine.Spec.Selector != nil {
		t.Fatalf("extracted: %+v, %v", mine.Spec, err)
	}
	mine.Spec.Template.Spec.Containers[0].WithEnv(coreapply.EnvVar().WithName("A").WithValue("1"))
	if _, err := deployments.Apply(t.Context(), mine, by("second")); err != nil {
		t.Fatal(err)
	}
	gone, err := deployments.Apply(t.Context(), appsapply.Deployment("a", "default"), by("second"))
	if err != nil || len(gone.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("the second manager took everything back: %v, %v", gone, err)
	}
}

// TestApplyStatus: the status has managers of its own, and apply to the object leaves it alone.
func TestApplyStatus(t *testing.T) {
	nodes := started(t).Client(t).CoreV1().Nodes()
	options := metav1.ApplyOptions{FieldManager: "m"}
	if _, err := nodes.Apply(t.Context(), coreapply.Node("n").WithLabels(map[string]string{"a": "b"}), options); err != nil {
		t.Fatal(err)
	}
	ready := coreapply.Node("n").WithStatus(coreapply.NodeStatus().WithConditions(
		coreapply.NodeCondition().WithType(corev1.NodeReady).WithStatus(corev1.ConditionTrue)))
	if _, err := nodes.ApplyStatus(t.Context(), ready, options); err != nil {
		t.Fatal(err)
	}
	n, err := nodes.Apply(t.Context(), coreapply.Node("n"), options)
	if err != nil || len(n.Labels) != 0 || len(n.Status.Conditions) != 1 {
		t.Fatalf("labels %v, conditions %v, %v", n.Labels, n.Status.Conditions, err)
	}
	if len(n.ManagedFields) != 1 || n.ManagedFields[0].Subresource != "status" {
		t.Errorf("managed fields: %v", n.ManagedFields)
	}
	status, err := coreapply.ExtractNodeStatus(n, "m")
	if err != nil || len(status.Status.Conditions) != 1 {
		t.Errorf("extracted status: %+v, %v", status, err)
	}
}
