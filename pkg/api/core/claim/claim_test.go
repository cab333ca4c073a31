package claim

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func TestDefault(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{}
	if err := yaml.UnmarshalStrict([]byte(`spec: {resources: {requests: {storage: 1.0001}}}`), claim); err != nil {
		t.Fatal(err)
	}
	Default(claim)
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if *claim.Spec.VolumeMode != "Filesystem" || claim.Status.Phase != "Pending" || size.String() != "1001m" {
		t.Errorf("%+v", claim)
	}
}

func TestValidateSpec(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain":      {`{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}`, nil},
		"empty":      {`{}`, []string{"s.accessModes: Required value: at least 1 access mode is required", "s.resources[storage]: Required value"}},
		"no storage": {`{accessModes: [ReadWriteOnce], resources: {requests: {storage: 0}}}`, []string{`s.resources[storage]: Invalid value: "0": must be greater than zero`}},
		"modes": {`{accessModes: [ReadWriteOncePod, ReadWriteOnce, Write], resources: {requests: {storage: 1}}}`, []string{
			`s.accessModes: Unsupported value: "Write": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`,
			`s.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes`}},
		"volume mode": {`{accessModes: [ReadWriteOnce], volumeMode: Tape, resources: {requests: {storage: 1}}}`,
			[]string{`s.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"`}},
		"sources": {`{accessModes: [ReadWriteOnce], dataSource: {kind: Secret, name: a}, resources: {requests: {storage: 1}}}`,
			[]string{`s.dataSource: Invalid value: "Secret": must be 'PersistentVolumeClaim' when referencing the default apiGroup`}},
		"two sources": {`{accessModes: [ReadWriteOnce], dataSource: {kind: PersistentVolumeClaim, name: a}, dataSourceRef: {kind: PersistentVolumeClaim, name: b}, resources: {requests: {storage: 1}}}`,
			[]string{`s: Invalid value: {}: must match dataSourceRef`}},
	} {
		spec := &corev1.PersistentVolumeClaimSpec{}
		if err := yaml.UnmarshalStrict([]byte(c.spec), spec); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, err := range ValidateSpec(spec, field.NewPath("s")) {
			got = append(got, err.Error())
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
		}
	}
}

func TestValidateTemplate(t *testing.T) {
	template := &corev1.PersistentVolumeClaimTemplate{}
	if err := yaml.UnmarshalStrict([]byte(`{metadata: {name: a, labels: {k: v}, generateName: b}, spec: {accessModes: [ReadWriteOnce]}}`), template); err != nil {
		t.Fatal(err)
	}
	const want = "[t.metadata.name: Forbidden: cannot be set, t.metadata.generateName: Forbidden: cannot be set, t.spec.resources[storage]: Required value]"
	if got := ValidateTemplate(template, field.NewPath("t")).ToAggregate(); got.Error() != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
