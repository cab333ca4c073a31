package apps

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/apitest"
)

const claims = "volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]"

func statefulSetOf(t *testing.T, spec string) *appsv1.StatefulSet {
	return apitest.Object[*appsv1.StatefulSet](t, StatefulSet, "spec: {"+spec+"}")
}

func TestStatefulSetDefaults(t *testing.T) {
	spec := statefulSetOf(t, selected+", "+claims).Spec
	rolling, retention, claim := spec.UpdateStrategy.RollingUpdate, spec.PersistentVolumeClaimRetentionPolicy, spec.VolumeClaimTemplates[0]
	if *spec.Replicas != 1 || *spec.RevisionHistoryLimit != 10 || spec.PodManagementPolicy != "OrderedReady" ||
		*rolling.Partition != 0 || rolling.MaxUnavailable.IntVal != 1 || retention.WhenDeleted != "Retain" || retention.WhenScaled != "Retain" {
		t.Errorf("%+v", spec)
	}
	if claim.Kind != "PersistentVolumeClaim" || claim.APIVersion != "v1" || *claim.Spec.VolumeMode != "Filesystem" || claim.Status.Phase != "Pending" {
		t.Errorf("claim %+v", claim)
	}
	if spec := statefulSetOf(t, "updateStrategy: {type: RollingUpdate}").Spec; spec.UpdateStrategy.RollingUpdate != nil {
		t.Error("a strategy that was named got more than its name")
	}
}

func TestStatefulSetValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain": {selected + ", " + claims, nil},
		"no words": {"", []string{"spec.selector: Required value",
			"spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`", "spec.template.spec.containers: Required value"}},
		"empty selector": {"selector: {}, template: " + template, []string{"spec.selector: Invalid value: {}: empty selector is invalid for statefulset"}},
		"policies": {"podManagementPolicy: Any, persistentVolumeClaimRetentionPolicy: {whenDeleted: Keep}, ordinals: {start: -1}, serviceName: a.b, " + selected, []string{
			`spec.podManagementPolicy: Invalid value: "Any": must be 'OrderedReady' or 'Parallel'`,
			`spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values: "Retain", "Delete"`,
			"spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0",
			`spec.serviceName: Invalid value: "a.b": must not contain dots`}},
		"strategy": {"updateStrategy: {type: Any}, " + selected, []string{
			`spec.updateStrategy: Invalid value: {"Type":"Any","RollingUpdate":null}: must be 'RollingUpdate' or 'OnDelete'`}},
		"rolling on delete": {"updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}, " + selected, []string{
			`spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy 'RollingUpdate'`}},
		"rolling": {"updateStrategy: {rollingUpdate: {partition: -1, maxUnavailable: 0%}}, " + selected, []string{
			"spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
			`spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0`}},
		"a claim is a volume": {"selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {volumes: [{name: d}], containers: [{name: c, image: i, volumeMounts: [{name: d, mountPath: /d}]}]}}, " + claims, nil},
		"no such volume": {"selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: i, volumeMounts: [{name: e, mountPath: /d}]}]}}, " + claims,
			[]string{`spec.template.spec.containers[0].volumeMounts[0].name: Not found: "e"`}},
		"deadline": {"selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {activeDeadlineSeconds: 1, containers: [{name: c, image: i}]}}", []string{
			"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported"}},
		"claim": {"volumeClaimTemplates: [{metadata: {name: d}}], " + selected, []string{
			"spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required", "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value"}},
	} {
		apitest.Errors(t, name, validateStatefulSet(statefulSetOf(t, c.spec)), c.want...)
	}
}

func TestStatefulSetUpdate(t *testing.T) {
	old := statefulSetOf(t, "serviceName: s, "+selected)
	sts := old.DeepCopy()
	sts.Spec.Replicas, sts.Spec.RevisionHistoryLimit, sts.Spec.MinReadySeconds = ptr.To[int32](3), ptr.To[int32](1), 5
	prepareStatefulSetUpdate(t.Context(), sts, old)
	apitest.Errors(t, "what may change", validateStatefulSetUpdate(sts, old))
	if sts.Generation != 1 {
		t.Errorf("generation %d", sts.Generation)
	}
	sts.Spec.ServiceName = "other"
	sts.Spec.Template.Spec.Containers = nil
	apitest.Errors(t, "what may not", validateStatefulSetUpdate(sts, old), "spec.template.spec.containers: Required value",
		`spec.serviceName: Invalid value: "other": field is immutable`)

	// A set from the days when its template was not validated can still be scaled.
	old.Spec.Template.Spec.Containers, old.Spec.ServiceName = nil, "Not_A_Name"
	sts = old.DeepCopy()
	sts.Spec.Replicas = ptr.To[int32](7)
	apitest.Errors(t, "an old one", validateStatefulSetUpdate(sts, old))
}

func TestStatefulSetStatusAndScale(t *testing.T) {
	old := statefulSetOf(t, selected)
	old.Status.CollisionCount = ptr.To[int32](1)
	sts := old.DeepCopy()
	sts.Status = appsv1.StatefulSetStatus{Replicas: 1, ReadyReplicas: 2, AvailableReplicas: 3}
	apitest.Errors(t, "status", validateStatefulSetStatus(sts, old),
		"status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
		"status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
		"status.availableReplicas: Invalid value: 3: cannot be greater than status.readyReplicas",
		"status.collisionCount: Invalid value: 0: cannot be decremented")
	scale, err := getStatefulSetScale(sts)
	if err != nil || scale.(*autoscalingv1.Scale).Spec.Replicas != 1 || scale.(*autoscalingv1.Scale).Status.Selector != "app=x" {
		t.Errorf("%+v, %v", scale, err)
	}
	if err := putStatefulSetScale(t.Context(), sts, &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 4}}); err != nil || *sts.Spec.Replicas != 4 {
		t.Errorf("replicas %d, %v", *sts.Spec.Replicas, err)
	}
	const half = "volumeClaimTemplates: [{spec: {resources: {requests: {storage: 0.5}}}}], "
	apitest.Warnings(t, StatefulSet, "", "spec: {revisionHistoryLimit: -1, "+half+selected+"}",
		`spec.volumeClaimTemplates[0].resources.requests[storage]: fractional byte value "500m" is invalid, must be an integer`,
		"spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended")
}
