package storage

import (
	"strings"
	"testing"

	storagev1 "k8s.io/api/storage/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

const subdomain = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`

// TestValidateStorageClass holds the words that kube-apiserver 1.37 answers with.
func TestValidateStorageClass(t *testing.T) {
	apitest.Create(t, StorageClass, `provisioner: Example.com/p`)
	apitest.Create(t, StorageClass, `{parameters: {"": x}, reclaimPolicy: Recycle, volumeBindingMode: Later}`,
		`parameters: Invalid value: "": field can not be empty.`,
		`reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"`,
		`volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"`,
		`provisioner: Required value`)
	apitest.Create(t, StorageClass, `{provisioner: p, parameters: {a: `+strings.Repeat("x", maxParametersSize)+`}}`,
		`parameters: Too long: may not be more than 262144 bytes`)
	apitest.Create(t, StorageClass, `{provisioner: p, allowedTopologies: [{matchLabelExpressions: [{key: a, values: [x, x]}, {key: a, values: []}]}, {matchLabelExpressions: [{key: b, values: [z]}]}, {matchLabelExpressions: [{key: b, values: [z]}]}]}`,
		`allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "x"`,
		`allowedTopologies[0].matchLabelExpressions[1].values: Required value`,
		`allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "a"`,
		`allowedTopologies[2].matchLabelExpressions: Duplicate value: ""`)
	apitest.Update(t, StorageClass, `{provisioner: a}`, `{provisioner: b, parameters: {x: z}, reclaimPolicy: Retain, volumeBindingMode: WaitForFirstConsumer}`,
		`provisioner: Invalid value: null: field is immutable`, `parameters: Invalid value: null: field is immutable`,
		`reclaimPolicy: Invalid value: null: field is immutable`, `volumeBindingMode: Invalid value: null: field is immutable`)
	apitest.Update(t, StorageClass, `{provisioner: a}`, `{provisioner: a, allowVolumeExpansion: true, mountOptions: [ro]}`)
}

func TestValidateCSIDriver(t *testing.T) {
	apitest.Create(t, CSIDriver, `spec: {}`)
	apitest.Create(t, CSIDriver, `spec: {fsGroupPolicy: x, volumeLifecycleModes: [z], tokenRequests: [{audience: a, expirationSeconds: 1}, {audience: a}], nodeAllocatableUpdatePeriodSeconds: 1}`,
		`spec.fsGroupPolicy: Unsupported value: "x": supported values: "File", "None", "ReadWriteOnceWithFSType"`,
		`spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes`,
		`spec.tokenRequests[1].audience: Duplicate value: "a"`,
		`spec.volumeLifecycleModes: Unsupported value: "z": supported values: "Persistent", "Ephemeral"`,
		`spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 1: must be greater than or equal to 10 seconds`)
	apitest.Create(t, CSIDriver, `spec: {serviceAccountTokenInSecrets: true}`,
		`spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified`)
	apitest.Update(t, CSIDriver, `spec: {}`, `spec: {attachRequired: false, volumeLifecycleModes: [Ephemeral], podInfoOnMount: true}`,
		`spec.attachedRequired: Invalid value: false: field is immutable`, `spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable`)

	const warning = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"
	const tokens = `spec: {tokenRequests: [{audience: a}]}`
	apitest.Warnings(t, CSIDriver, "", tokens, warning)
	apitest.Warnings(t, CSIDriver, `spec: {}`, tokens, warning)
	apitest.Warnings(t, CSIDriver, tokens, tokens)
}

func TestValidateCSINode(t *testing.T) {
	apitest.Create(t, CSINode, `spec: {drivers: [{name: a, nodeID: "1", topologyKeys: [x]}]}`)
	apitest.Create(t, CSINode, `spec: {drivers: [{name: "", nodeID: ""}, {name: a, nodeID: id, topologyKeys: [x, x], allocatable: {count: -1}}, {name: a, nodeID: id}]}`,
		`spec.drivers[0].name: Required value`, `spec.drivers[0].nodeID: Required value`,
		`spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0`,
		`spec.drivers[1]: Duplicate value: "x"`, `spec.drivers[2].name: Duplicate value: "a"`)
	apitest.Update(t, CSINode, `spec: {drivers: [{name: a, nodeID: id}, {name: b, nodeID: id}]}`,
		`spec: {drivers: [{name: a, nodeID: id, allocatable: {count: 1}}, {name: b, nodeID: m}, {name: c, nodeID: id}]}`,
		`spec.drivers: Invalid value: {"Name":"b","NodeID":"m","TopologyKeys":null,"Allocatable":null}: field is immutable`)
}

func TestCSINodeStatusIsDropped(t *testing.T) {
	stored := apitest.Object[*storagev1.CSINode](t, CSINode, `metadata: {name: m}`)
	body := apitest.Object[*storagev1.CSINode](t, CSINode, `{metadata: {name: m, labels: {a: b}}, status: {storageHealth: [{name: d}]}}`)
	got, err := apitest.Put(t, CSINode, "status", stored, body)
	if err != nil || got.Status.StorageHealth != nil || got.Labels != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestValidateCSIStorageCapacity(t *testing.T) {
	apitest.Create(t, CSIStorageCapacity, `{storageClassName: c, capacity: 1Gi}`)
	apitest.Create(t, CSIStorageCapacity, `{capacity: "-1"}`, `storageClassName: Invalid value: "": `+subdomain,
		`capacity: Invalid value: "-1": must be greater than or equal to 0`)
	apitest.Update(t, CSIStorageCapacity, `{storageClassName: c}`, `{storageClassName: d, nodeTopology: {matchLabels: {a: b}}}`,
		`nodeTopology: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable`, `storageClassName: Invalid value: "d": field is immutable`)
	apitest.Warnings(t, CSIStorageCapacity, "", `nodeTopology: {matchLabels: {beta.kubernetes.io/os: linux}, matchExpressions: [{key: beta.kubernetes.io/arch, operator: Exists}]}`,
		`nodeTopology.matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead`,
		`nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; use "kubernetes.io/os" instead`)
}

func TestValidateVolumeAttachment(t *testing.T) {
	apitest.Create(t, VolumeAttachment, `spec: {attacher: Example.com, nodeName: node1, source: {persistentVolumeName: pv}}`)
	apitest.Create(t, VolumeAttachment, `{}`, `spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName`,
		`spec.nodeName: Invalid value: "": `+subdomain, `spec.attacher: Required value`)
	apitest.Create(t, VolumeAttachment, `spec: {attacher: `+strings.Repeat("a", 64)+`, nodeName: node1, source: {persistentVolumeName: ""}}`,
		`spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName`,
		`spec.source.persistentVolumeName: Invalid value: "": `+subdomain, `spec.attacher: Too long: may not be more than 63 characters`)
	const inline = `spec: {attacher: a, nodeName: node1, source: {inlineVolumeSpec: `
	apitest.Create(t, VolumeAttachment, inline+`{accessModes: [ReadWriteOnce], csi: {driver: d, volumeHandle: h}}}}`)
	apitest.Create(t, VolumeAttachment, inline+`{claimRef: {}, capacity: {storage: 1}, accessModes: [x, ReadWriteOncePod, ReadWriteOnce], persistentVolumeReclaimPolicy: Delete, nodeAffinity: {}, storageClassName: c, volumeMode: Block}}}`,
		`spec.source.inlineVolumeSpec.claimRef: Forbidden: may not be specified in the context of inline volumes`,
		`spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes`,
		`spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes`,
		`spec.source.inlineVolumeSpec.accessModes: Unsupported value: "x": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`,
		`spec.source.inlineVolumeSpec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes`,
		`spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline volumes`,
		`spec.source.inlineVolumeSpec.nodeAffinity: Forbidden: may not be specified in the context of inline volumes`,
		`spec.source.inlineVolumeSpec: Required value: must specify a volume type`,
		`spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be specified in the context of inline volumes`,
		`spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes`)
	apitest.Create(t, VolumeAttachment, inline+`{accessModes: [ReadWriteOnce], hostPath: {path: ""}, csi: {}}}}`,
		`spec.source.inlineVolumeSpec.hostPath.path: Required value`,
		`spec.source.inlineVolumeSpec.csi: Forbidden: may not specify more than 1 volume type`)
	apitest.Update(t, VolumeAttachment, `spec: {attacher: a, nodeName: node1, source: {persistentVolumeName: pv}}`,
		`spec: {attacher: a, nodeName: node2, source: {persistentVolumeName: pv}}`, `spec: Invalid value: null: field is immutable`)
	apitest.Update(t, VolumeAttachment, `spec: {attacher: a, nodeName: node1, source: {persistentVolumeName: pv}}`,
		`spec: {attacher: `+strings.Repeat("a", 64)+`, nodeName: node1, source: {persistentVolumeName: pv}}`,
		`spec.attacher: Too long: may not be more than 63 bytes`, `spec: Invalid value: null: field is immutable`)

	stored := apitest.Object[*storagev1.VolumeAttachment](t, VolumeAttachment, `spec: {attacher: a, nodeName: node1, source: {persistentVolumeName: pv}}`)
	body := apitest.Object[*storagev1.VolumeAttachment](t, VolumeAttachment, `{metadata: {labels: {a: b}}, status: {attached: true, attachError: {errorCode: -1}}}`)
	got, err := apitest.Put(t, VolumeAttachment, "status", stored, body)
	if !got.Status.Attached || got.Labels != nil || got.Spec.Attacher != "a" {
		t.Errorf("%+v", got)
	}
	if want := `status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive`; err == nil || err.Error() != want {
		t.Errorf("got %v want %s", err, want)
	}
}

func TestValidateVolumeAttributesClass(t *testing.T) {
	apitest.Create(t, VolumeAttributesClass, `{driverName: d, parameters: {a: b}}`)
	apitest.Create(t, VolumeAttributesClass, `{}`, `driverName: Required value`, `parameters: Required value: must contain at least one key/value pair`)
	apitest.Update(t, VolumeAttributesClass, `{driverName: d, parameters: {a: b}}`, `{driverName: e, parameters: {a: c}}`,
		`driverName: Forbidden: updates to driverName are forbidden.`, `parameters: Forbidden: updates to parameters are forbidden.`)
}

func TestDefaultClass(t *testing.T) {
	class := func(name, annotation, created string) api.Object {
		c := apitest.Object[*storagev1.StorageClass](t, StorageClass, `{metadata: {name: `+name+`, annotations: {`+annotation+`: "true"}}}`)
		if err := c.CreationTimestamp.UnmarshalQueryParameter(created); err != nil {
			t.Fatal(err)
		}
		return c
	}
	const early, late = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
	for name, c := range map[string]struct {
		list []api.Object
		want int
	}{
		"none":   {[]api.Object{class("a", "other", late)}, -1},
		"beta":   {[]api.Object{class("a", "other", late), class("b", betaDefaultAnnotation, early)}, 1},
		"newest": {[]api.Object{class("a", defaultAnnotation, late), class("b", defaultAnnotation, early)}, 0},
		"first":  {[]api.Object{class("b", defaultAnnotation, late), class("a", defaultAnnotation, late)}, 1},
	} {
		if got := defaultClass(c.list); got != c.want {
			t.Errorf("%s: got %d want %d", name, got, c.want)
		}
	}
}

func TestRows(t *testing.T) {
	apitest.Row(t, StorageClass, `{metadata: {name: s}, provisioner: p, allowVolumeExpansion: true}`, `["s","p","Delete","Immediate",true,"5m"]`)
	apitest.Row(t, CSIDriver, `{metadata: {name: d}, spec: {tokenRequests: [{audience: a}, {audience: b}], volumeLifecycleModes: [Persistent, Ephemeral]}}`,
		`["d",true,false,false,"a,b",false,"Persistent,Ephemeral","5m"]`)
	apitest.Row(t, CSIDriver, `metadata: {name: d}`, `["d",true,false,false,"<unset>",false,"Persistent","5m"]`)
	apitest.Row(t, CSIDriver, `{metadata: {name: d}, spec: {tokenRequests: []}}`, `["d",true,false,false,"<unset>",false,"Persistent","5m"]`)
	apitest.Row(t, CSINode, `{metadata: {name: m}, spec: {drivers: [{name: a, nodeID: b}]}}`, `["m",1,"5m"]`)
	apitest.Row(t, VolumeAttachment, `{metadata: {name: v}, spec: {attacher: a, nodeName: node1, source: {persistentVolumeName: pv}}}`, `["v","a","pv","node1",false,"5m"]`)
	apitest.Row(t, VolumeAttributesClass, `{metadata: {name: v}, driverName: d}`, `["v","d","5m"]`)
}
