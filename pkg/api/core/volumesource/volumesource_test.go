package volumesource

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

func TestSources(t *testing.T) {
	at := field.NewPath("s")
	for name, c := range map[string]struct {
		errs field.ErrorList
		want []string
	}{
		"host path":      {HostPath(&corev1.HostPathVolumeSource{Path: "/a/../b", Type: ptr.To(corev1.HostPathDirectory)}, at), []string{`s.path: Invalid value: "/a/../b": must not contain '..'`}},
		"no host path":   {HostPath(&corev1.HostPathVolumeSource{}, at), []string{`s.path: Required value`}},
		"host path type": {HostPath(&corev1.HostPathVolumeSource{Path: "/a", Type: ptr.To(corev1.HostPathType("X"))}, at), []string{`s.type: Unsupported value: "X": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"`}},
		"local":          {Local(&corev1.LocalVolumeSource{}, at), []string{`s.path: Required value`}},
		"nfs":            {NFS(&corev1.NFSVolumeSource{Server: "a", Path: "b"}, at), []string{`s.path: Invalid value: "b": must be an absolute path`}},
		"iscsi":          {ISCSI(&corev1.ISCSIVolumeSource{TargetPortal: "a", IQN: "iqn.2015-02.example.com:test"}, at), nil},
		"iscsi names":    {ISCSI(&corev1.ISCSIVolumeSource{TargetPortal: "a", IQN: "x", Lun: 256}, at), []string{`s.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa`, `s.lun: Invalid value: 256: must be between 0 and 255, inclusive`}},
		"iscsi secret":   {ISCSI(&corev1.ISCSIVolumeSource{TargetPortal: "a", IQN: "eui.0123456789ABCDEF", SessionCHAPAuth: true, InitiatorName: ptr.To("naa.1")}, at), []string{`s.secretRef: Required value`, `s.initiatorname: Invalid value: "naa.1": must be valid format`}},
		"iscsi length": {PersistentISCSI(&corev1.ISCSIPersistentVolumeSource{TargetPortal: "a", IQN: "eui.0123456789ABCDEF", InitiatorName: ptr.To("eui.0123456789ABCDEF"), SecretRef: &corev1.SecretReference{}}, strings.Repeat("x", 64), at),
			[]string{`s.targetportal: Invalid value: "a": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.`, `s.secretRef.name: Required value`}},
		"iscsi order": {PersistentISCSI(&corev1.ISCSIPersistentVolumeSource{TargetPortal: "a", IQN: "x", InitiatorName: ptr.To("y"), SecretRef: &corev1.SecretReference{}}, "v", at),
			[]string{`s.iqn: Invalid value: "x": must be valid format`, `s.secretRef.name: Required value`, `s.initiatorname: Invalid value: "y": must be valid format`}},
		"fc":        {FC(&corev1.FCVolumeSource{}, at), []string{`s.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both`}},
		"fc lun":    {FC(&corev1.FCVolumeSource{TargetWWNs: []string{"a"}, WWIDs: []string{"b"}}, at), []string{`s.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously`, `s.lun: Required value: lun is required if targetWWNs is specified`}},
		"csi":       {CSI(&corev1.CSIPersistentVolumeSource{Driver: "d", NodeExpandSecretRef: &corev1.SecretReference{Name: "A"}}, at), []string{`s.volumeHandle: Required value`, `s.nodeExpandSecretRef.name: Invalid value: "A"`, `s.nodeExpandSecretRef.namespace: Required value`}},
		"gce":       {GCEPersistentDisk(&corev1.GCEPersistentDiskVolumeSource{Partition: 300}, at), []string{`s.pdName: Required value`, `s.partition: Invalid value: 300: must be between 1 and 255, inclusive`}},
		"gluster":   {PersistentGlusterfs(&corev1.GlusterfsPersistentVolumeSource{EndpointsName: "a", Path: "b", EndpointsNamespace: ptr.To("")}, at), []string{`s.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name`}},
		"rbd":       {RBD(nil, "", at), []string{`s.monitors: Required value`, `s.image: Required value`}},
		"cinder":    {PersistentCinder(&corev1.CinderPersistentVolumeSource{VolumeID: "a", SecretRef: &corev1.SecretReference{}}, at), []string{`s.secretRef.name: Required value`, `s.secretRef.namespace: Required value`}},
		"flocker":   {Flocker(&corev1.FlockerVolumeSource{}, at), []string{`s: Required value: one of datasetName and datasetUUID is required`}},
		"quobyte":   {Quobyte(&corev1.QuobyteVolumeSource{Registry: "a", Volume: "v"}, at), []string{`s.registry: Invalid value: "a": must be a host:port pair or multiple pairs separated by commas`}},
		"tenant":    {Quobyte(&corev1.QuobyteVolumeSource{Registry: "a", Volume: "v", Tenant: strings.Repeat("x", 65)}, at), []string{`s.tenant: Required value: must be a UUID and may not exceed a length of 64 characters`}},
		"flex":      {Flex("d", map[string]string{"a.K8s.io/x": "", "a": ""}, at), []string{`s.options[a.K8s.io/x]: Invalid value: "a.K8s.io/x": kubernetes.io and k8s.io namespaces are reserved`}},
		"azure":     {PersistentAzureFile(&corev1.AzureFilePersistentVolumeSource{SecretName: "a", ShareName: "b", SecretNamespace: ptr.To("")}, at), []string{`s.secretNamespace: Required value`}},
		"azure id":  {AzureDisk(&corev1.AzureDiskVolumeSource{DiskName: "a", DataDiskURI: "b", Kind: ptr.To(corev1.AzureManagedDisk)}, at), []string{`s.diskURI: Unsupported value: "b": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"`}},
		"storageos": {StorageOS("A", "", at, "name", ""), []string{`s.volumeName: Invalid value: "A"`, `s.secretRef.name: Required value`}},
	} {
		if len(c.errs) != len(c.want) {
			t.Errorf("%s: got %v, want %d errors", name, c.errs, len(c.want))
			continue
		}
		for i, err := range c.errs {
			if !strings.HasPrefix(err.Error(), c.want[i]) {
				t.Errorf("%s: got %s, want %s", name, err, c.want[i])
			}
		}
	}
}
