package volume

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

const (
	pv  = `capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]`
	pvc = `accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}`
)

func TestVolume(t *testing.T) {
	for spec, want := range map[string][]string{
		pv + `, hostPath: {path: /x}`: nil,
		``: {"spec.accessModes: Required value", "spec.capacity: Required value", `spec.capacity: Unsupported value: null: supported values: "storage"`,
			"spec: Required value: must specify a volume type"},
		`capacity: {storage: -1}, accessModes: [ReadWriteOncePod, ReadOnlyMany, Other], nfs: {server: a, path: /b}`: {
			`spec.accessModes: Unsupported value: "Other": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`,
			"spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
			"spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
			`spec.capacity[storage]: Invalid value: "-1": must be greater than zero`},
		pv + `, persistentVolumeReclaimPolicy: Burn, volumeMode: Tape, storageClassName: A_, hostPath: {path: /x}`: {
			`spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"`,
			`spec.storageClassName: Invalid value: "A_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
			`spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"`},
		pv + `, persistentVolumeReclaimPolicy: Recycle, hostPath: {path: /.}`: {"spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"},
		pv + `, hostPath: {path: /x}, nfs: {server: a, path: /b}`:             {"spec.nfs: Forbidden: may not specify more than 1 volume type"},
		pv + `, local: {path: /x}`:                                            {"spec.nodeAffinity: Required value: Local volume requires node affinity"},
		pv + `, local: {path: /x}, nodeAffinity: {}`:                          {"spec.nodeAffinity.required: Required value: must specify required node constraints"},
		pv + `, local: {path: /x}, nodeAffinity: {required: {nodeSelectorTerms: []}}`: {
			"spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term"},
		pv + `, volumeAttributesClassName: "", hostPath: {path: /x}`: {"spec.volumeAttributesClassName: Required value: an empty string is disallowed",
			"spec.csi: Required value: has to be specified when using volumeAttributesClassName"},
		pv + `, flexVolume: {driver: a/b}, hostPath: {path: /x}`: nil,
		pv + `, cephfs: {}`: {"spec.cephfs.monitors: Required value"},
		pv + `, gcePersistentDisk: {pdName: a, partition: -1}, azureFile: {secretName: a, shareName: b}, scaleIO: {}, storageos: {}`: {
			"spec.persistentDisk.partition: Invalid value: -1: must be between 1 and 255, inclusive",
			"spec.azureFile: Forbidden: may not specify more than 1 volume type", "spec.scaleIO: Forbidden: may not specify more than 1 volume type",
			"spec.storageos: Forbidden: may not specify more than 1 volume type"},
	} {
		apitest.Create(t, Volume, `{metadata: {name: a}, spec: {`+spec+`}}`, want...)
	}
}

func TestVolumeUpdate(t *testing.T) {
	const csi = pv + `, csi: {driver: d, volumeHandle: h`
	const zone = `nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: `
	for _, c := range []struct{ before, after, want string }{
		{csi + `}`, csi + `, controllerExpandSecretRef: {name: a, namespace: b}}`, ""},
		{csi + `}, volumeAttributesClassName: a`, csi + `}`, "spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden"},
		{csi + `}`, csi + `}, claimRef: {name: a, namespace: b}`, ""},
		{csi + `}`, csi + `}, volumeMode: Block`, `volumeMode: Invalid value: "Block": field is immutable`},
		{csi + `}`, csi + `}, ` + zone + `a, operator: Exists}]}]}}`, ""},
		{csi + `}, ` + zone + `failure-domain.beta.kubernetes.io/zone, operator: Exists}]}]}}`, csi + `}, ` + zone + `topology.kubernetes.io/zone, operator: Exists}]}]}}`, ""},
		{csi + `}, ` + zone + `a, operator: Exists}]}]}}`, csi + `}`, "nodeAffinity: Invalid value: null: field is immutable, except for updating from beta label to GA"},
	} {
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		apitest.Update(t, Volume, `{metadata: {name: a}, spec: {`+c.before+`}}`, `{metadata: {name: a}, spec: {`+c.after+`}}`, want...)
	}
	old := apitest.Object[api.Object](t, Volume, `spec: {`+pv+`, hostPath: {path: /x}}`)
	moved := apitest.Object[api.Object](t, Volume, `spec: {`+pv+`, hostPath: {path: /y}}`)
	errs := validateVolumeUpdate(moved, old)
	if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n") {
		t.Errorf("another source: %v", errs)
	}
}

func TestVolumeDefaults(t *testing.T) {
	got, err := json.Marshal(apitest.Object[*corev1.PersistentVolume](t, Volume, `spec: {capacity: {storage: 1.0001}, rbd: {monitors: [a], image: b}}`).Spec)
	const want = `{"capacity":{"storage":"1001m"},"rbd":{"monitors":["a"],"image":"b","pool":"rbd","user":"admin","keyring":"/etc/ceph/keyring"},"persistentVolumeReclaimPolicy":"Retain","volumeMode":"Filesystem"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s want %s, %v", got, want, err)
	}
}

func TestVolumePhase(t *testing.T) {
	stored := apitest.Object[*corev1.PersistentVolume](t, Volume, `{metadata: {name: a}, spec: {hostPath: {path: /x}}, status: {phase: Pending, lastPhaseTransitionTime: "2020-01-01T00:00:00Z"}}`)
	for name, c := range map[string]struct{ status, want string }{
		"the same":           {`{phase: Pending}`, "2020-01-01T00:00:00Z"},
		"another":            {`{phase: Bound}`, "2026-01-02T03:04:05Z"},
		"another, same time": {`{phase: Bound, lastPhaseTransitionTime: "2020-01-01T00:00:00Z"}`, "2026-01-02T03:04:05Z"},
		"another, told":      {`{phase: Bound, lastPhaseTransitionTime: "2021-01-01T00:00:00Z"}`, "2021-01-01T00:00:00Z"},
	} {
		got, err := apitest.Put(t, Volume, "status", stored, apitest.Object[*corev1.PersistentVolume](t, Volume, `{metadata: {name: a}, status: `+c.status+`}`))
		if err != nil || got.Status.LastPhaseTransitionTime.UTC().Format("2006-01-02T15:04:05Z07:00") != c.want || got.Spec.HostPath == nil {
			t.Errorf("%s: got %v, %v", name, got.Status, err)
		}
	}
}

func TestClaim(t *testing.T) {
	apitest.Create(t, Claim, `spec: {`+pvc+`}`)
	apitest.Create(t, Claim, `spec: {accessModes: [Whatever]}`,
		`spec.accessModes: Unsupported value: "Whatever": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`,
		"spec.resources[storage]: Required value")
}

func TestClaimUpdate(t *testing.T) {
	const immutable = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
	const bigger = `accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}`
	const bound = `}, status: {phase: Bound, capacity: {storage: 1Gi}}}`
	const applied = `}, status: {phase: Bound, currentVolumeAttributesClassName: a}}`
	for name, c := range map[string]struct{ before, after, want string }{
		"bind":           {`{spec: {` + pvc + `}}`, `{spec: {` + pvc + `, volumeName: v}}`, ""},
		"bind again":     {`{spec: {` + pvc + `, volumeName: v}}`, `{spec: {` + pvc + `, volumeName: w}}`, immutable},
		"grow":           {`{spec: {` + pvc + bound, `{spec: {` + bigger + bound, ""},
		"grow unbound":   {`{spec: {` + pvc + `}}`, `{spec: {` + bigger + `}}`, immutable},
		"shrink":         {`{spec: {` + bigger + bound, `{spec: {` + pvc + bound, "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"},
		"give a class":   {`{spec: {` + pvc + `}}`, `{spec: {` + pvc + `, storageClassName: a}}`, ""},
		"take it":        {`{spec: {` + pvc + `, storageClassName: a}}`, `{spec: {` + pvc + `}}`, immutable},
		"move the class": {`{metadata: {annotations: {volume.beta.kubernetes.io/storage-class: a}}, spec: {` + pvc + `}}`, `{spec: {` + pvc + `, storageClassName: a}}`, ""},
		"annotate":       {`{spec: {` + pvc + `}}`, `{metadata: {annotations: {volume.beta.kubernetes.io/storage-class: a}}, spec: {` + pvc + `}}`, `metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: "a": field is immutable`},
		"attributes":     {`{spec: {` + pvc + `, volumeAttributesClassName: a` + bound, `{spec: {` + pvc + `, volumeAttributesClassName: b` + bound, ""},
		"too early":      {`{spec: {` + pvc + `, volumeAttributesClassName: a}}`, `{spec: {` + pvc + `, volumeAttributesClassName: b}}`, immutable},
		"no attributes":  {`{spec: {` + pvc + `, volumeAttributesClassName: a` + applied, `{spec: {` + pvc + applied, "spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil"},
		"not applied":    {`{spec: {` + pvc + `, volumeAttributesClassName: a` + bound, `{spec: {` + pvc + bound, ""},
		"any group":      {`{spec: {` + pvc + `, dataSourceRef: {kind: A, apiGroup: B_, name: c}}}`, `{spec: {` + pvc + `, dataSourceRef: {kind: A, apiGroup: B_, name: c}}}`, ""},
	} {
		old, obj := apitest.Object[api.Object](t, Claim, c.before), apitest.Object[api.Object](t, Claim, c.after)
		prepareClaimUpdate(t.Context(), obj, old)
		errs := validateClaimUpdate(obj, old)
		if (len(errs) == 0) != (c.want == "") || len(errs) > 0 && !strings.HasPrefix(errs[0].Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, errs, c.want)
		}
	}
}

func TestClaimSources(t *testing.T) {
	for spec, want := range map[string]string{
		`dataSource: {kind: PersistentVolumeClaim, name: a}`:                  `{"apiGroup":null,"kind":"PersistentVolumeClaim","name":"a"}`,
		`dataSource: {kind: Other, name: a, apiGroup: b.c}`:                   `null`,
		`dataSourceRef: {kind: Other, name: a, apiGroup: b.c}`:                `{"apiGroup":"b.c","kind":"Other","name":"a"}`,
		`dataSourceRef: {kind: PersistentVolumeClaim, name: a, namespace: n}`: `null`,
	} {
		claim := apitest.Object[*corev1.PersistentVolumeClaim](t, Claim, `spec: {`+spec+`}`)
		prepareClaimCreate(t.Context(), claim)
		source, err1 := json.Marshal(claim.Spec.DataSource)
		ref, err2 := json.Marshal(claim.Spec.DataSourceRef)
		if err1 != nil || err2 != nil || string(source) != want || string(ref) != want {
			t.Errorf("%s: source %s, ref %s, want %s", spec, source, ref, want)
		}
	}
}

func TestClaimStatus(t *testing.T) {
	stored := apitest.Object[*corev1.PersistentVolumeClaim](t, Claim, `{metadata: {name: a}, spec: {`+pvc+`}}`)
	for status, want := range map[string]string{
		`{capacity: {storage: 1}, allocatedResources: {storage: 1}, allocatedResourceStatuses: {storage: NodeResizePending}}`: "",
		`{capacity: {storage: -1}}`:                 "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
		`{allocatedResources: {cpu: 1}}`:            `status.allocatedResources: Unsupported value: "cpu": supported values: "storage"`,
		`{allocatedResourceStatuses: {storage: X}}`: `status.allocatedResourceStatuses: Unsupported value: "storage": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"`,
	} {
		_, err := apitest.Put(t, Claim, "status", stored, apitest.Object[*corev1.PersistentVolumeClaim](t, Claim, `{metadata: {name: a}, status: `+status+`}`))
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: got %v, want %s", status, err, want)
		}
	}
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		r            *api.Resource
		object, want string
	}{
		{Volume, `{metadata: {name: a}, spec: {` + pv + `, storageClassName: s, claimRef: {namespace: ns, name: c}, hostPath: {path: /x}}, status: {phase: Bound, reason: R}}`,
			`["a","1Gi","RWO","Retain","Bound","ns/c","s","\u003cunset\u003e","R","5m","Filesystem"]`},
		{Volume, `{metadata: {name: a, deletionTimestamp: "2026-01-01T00:00:00Z", annotations: {volume.beta.kubernetes.io/storage-class: t}}, spec: {accessModes: [ReadWriteMany, ReadOnlyMany, ReadWriteMany]}}`,
			`["a","0","ROX,RWX","Retain","Terminating","","t","\u003cunset\u003e","","5m","Filesystem"]`},
		{Claim, `{metadata: {name: a}, spec: {` + pvc + `}}`, `["a","Pending","","","","","\u003cunset\u003e","5m","Filesystem"]`},
		{Claim, `{metadata: {name: a}, spec: {` + pvc + `, volumeName: v, storageClassName: s, volumeAttributesClassName: t}, status: {phase: Bound, capacity: {storage: 2Gi}, accessModes: [ReadWriteOncePod]}}`,
			`["a","Bound","v","2Gi","RWOP","s","t","5m","Filesystem"]`},
	} {
		got, err := json.Marshal(c.r.Row(apitest.Object[api.Object](t, c.r, c.object), apitest.Now))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s want %s, %v", c.r.Kind, got, c.want, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		r      *api.Resource
		object string
		want   []string
	}{
		{Volume, `{metadata: {annotations: {volume.beta.kubernetes.io/storage-class: a}}, spec: {persistentVolumeReclaimPolicy: Recycle, rbd: {}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: beta.kubernetes.io/os}]}]}}}}`, []string{
			`metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead`,
			"spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
			`spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use "kubernetes.io/os" instead`,
			"spec.rbd: deprecated in v1.28, non-functional in v1.31+"}},
		{Claim, `{spec: {resources: {requests: {storage: 100m}, limits: {storage: 200m}}}}`, []string{
			`spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer`,
			`spec.resources.limits[storage]: fractional byte value "200m" is invalid, must be an integer`}},
	} {
		if got := c.r.Warnings(t.Context(), apitest.Object[api.Object](t, c.r, c.object), nil); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q", c.r.Kind, got)
		}
	}
}
