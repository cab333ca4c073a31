package graduate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"slowmo/test/kinds"
	"slowmo/test/live"
)

// paths says below which key kube-apiserver keeps each kind, written by hand. It is
// the plural but for what the years have left.
var paths = map[string]string{
	"ConfigMap": "configmaps", "Endpoints": "services/endpoints", "Event": "events", "LimitRange": "limitranges",
	"Namespace": "namespaces", "Node": "minions", "PersistentVolumeClaim": "persistentvolumeclaims",
	"PersistentVolume": "persistentvolumes", "Pod": "pods", "PodTemplate": "podtemplates", "ReplicationController": "controllers",
	"ResourceQuota": "resourcequotas", "Secret": "secrets", "ServiceAccount": "serviceaccounts", "Service": "services/specs",

	"MutatingAdmissionPolicy": "mutatingadmissionpolicies", "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
	"MutatingWebhookConfiguration": "mutatingwebhookconfigurations", "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
	"ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings", "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",

	"CustomResourceDefinition": "apiextensions.k8s.io/customresourcedefinitions",
	"APIService":               "apiregistration.k8s.io/apiservices",

	"ControllerRevision": "controllerrevisions", "DaemonSet": "daemonsets", "Deployment": "deployments",
	"ReplicaSet": "replicasets", "StatefulSet": "statefulsets",

	"HorizontalPodAutoscaler": "horizontalpodautoscalers", "CronJob": "cronjobs", "Job": "jobs",

	"CertificateSigningRequest": "certificatesigningrequests", "ClusterTrustBundle": "clustertrustbundles",
	"PodCertificateRequest": "podcertificaterequests",

	"Lease": "leases", "EndpointSlice": "endpointslices", "FlowSchema": "flowschemas", "PriorityLevelConfiguration": "prioritylevelconfigurations",

	"IngressClass": "ingressclasses", "Ingress": "ingress", "IPAddress": "ipaddresses", "NetworkPolicy": "networkpolicies", "ServiceCIDR": "servicecidrs",

	"RuntimeClass": "runtimeclasses", "PodDisruptionBudget": "poddisruptionbudgets", "PriorityClass": "priorityclasses",

	"ClusterRoleBinding": "clusterrolebindings", "ClusterRole": "clusterroles", "RoleBinding": "rolebindings", "Role": "roles",

	"DeviceClass": "deviceclasses", "DeviceTaintRule": "devicetaintrules", "ResourceClaim": "resourceclaims",
	"ResourceClaimTemplate": "resourceclaimtemplates", "ResourceSlice": "resourceslices",

	"CSIDriver": "csidrivers", "CSINode": "csinodes", "CSIStorageCapacity": "csistoragecapacities", "StorageClass": "storageclasses",
	"VolumeAttachment": "volumeattachments", "VolumeAttributesClass": "volumeattributesclasses", "StorageVersionMigration": "storageversionmigrations",
}

// asJSON are the kinds that upstream stores as JSON and not as protobuf.
var asJSON = map[string]bool{"CustomResourceDefinition": true, "APIService": true}

// older are the versions in which 1.37 still stores kinds whose v1 is new in it.
var older = map[string]string{
	"ClusterTrustBundle": "certificates.k8s.io/v1beta1", "PodCertificateRequest": "certificates.k8s.io/v1beta1",
	"DeviceTaintRule": "resource.k8s.io/v1beta2", "StorageVersionMigration": "storagemigration.k8s.io/v1beta1",
}

const namespace = "demo"

// TestKeys makes an object of every kind, stops the server and reads its store
// with etcd's own server and client, and what is there with client-go's decoder.
func TestKeys(t *testing.T) {
	s := live.NewAPIServer(t)
	s.Start(t)
	s.Kubectl(t, "", "create", "namespace", namespace)
	all, err := kinds.In(namespace)
	if err != nil {
		t.Fatal(err)
	}
	client, codecs := restClient(t, s.Config()), codecs(t)
	served := map[string]runtime.Object{}
	for _, k := range all {
		served[k.Kind] = make1(t, client, codecs, k)
	}
	// The server itself adds to a schema whether its level is there.
	s.Kubectl(t, "", "wait", "flowschema/demo", "--for=jsonpath={.status.conditions[0].status}=False")
	settled, err := runtime.Decode(codecs.UniversalDeserializer(), []byte(s.Kubectl(t, "", "get", "--raw", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/demo")))
	if err != nil {
		t.Fatal(err)
	}
	served["FlowSchema"] = settled
	s.Stop(t)
	store := openStore(t, filepath.Join(s.DataDir(), "etcd"))
	for _, k := range all {
		checkStored(t, store, codecs, k, served[k.Kind])
	}
	checkNothingElse(t, store)
}

// codecs are client-go's, with the types of the aggregation layer and of custom resources beside.
func codecs(t *testing.T) serializer.CodecFactory {
	t.Helper()
	s := runtime.NewScheme()
	if err := scheme.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	for _, add := range []func(*runtime.Scheme) error{apiregistrationv1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(s)
}

// make1 creates the object of a kind and returns it as the server shows it.
func make1(t *testing.T, client rest.Interface, codecs serializer.CodecFactory, k kinds.Kind) runtime.Object {
	t.Helper()
	path := "/api/" + k.Version
	if k.Group != "" {
		path = "/apis/" + k.Group + "/" + k.Version
	}
	if k.Namespaced {
		path += "/namespaces/" + namespace
	}
	body, err := k.Object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Post().AbsPath(path, k.Plural).SetHeader("Content-Type", "application/json").
		SetHeader("Accept", "application/json").Body(body).DoRaw(t.Context())
	if err != nil {
		t.Fatalf("create %s: %v", k.Kind, err)
	}
	obj, err := runtime.Decode(codecs.UniversalDeserializer(), answer)
	if err != nil {
		t.Fatalf("%s: %v", k.Kind, err)
	}
	return obj
}

// openStore serves the data by etcd as it comes.
func openStore(t *testing.T, dir string) *clientv3.Client {
	t.Helper()
	config := embed.NewConfig()
	config.Dir, config.LogLevel = dir, "fatal"
	endpoint := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", live.FreePort(t))}
	config.ListenClientUrls, config.AdvertiseClientUrls, config.ListenPeerUrls = []url.URL{endpoint}, []url.URL{endpoint}, nil
	server, err := embed.StartEtcd(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint.String()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func checkStored(t *testing.T, store *clientv3.Client, codecs serializer.CodecFactory, k kinds.Kind, served runtime.Object) {
	t.Helper()
	parts := []string{"/registry", paths[k.Kind], k.Object.GetName()}
	if k.Namespaced {
		parts = []string{"/registry", paths[k.Kind], namespace, k.Object.GetName()}
	}
	key := strings.Join(parts, "/")
	found, err := store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Kvs) == 0 {
		t.Errorf("%s is not at %s", k.Kind, key)
		return
	}
	value := found.Kvs[0].Value
	if err := checkForm(k, value); err != nil {
		t.Errorf("%s: %v", key, err)
	}
	stored, err := runtime.Decode(codecs.UniversalDeserializer(), value)
	if err == nil && older[k.Kind] != "" {
		stored, err = renewed(stored, served)
	}
	if err != nil {
		t.Errorf("%s: %v", key, err)
		return
	}
	meta := stored.(metav1.Object)
	if meta.GetResourceVersion() != "" || meta.GetUID() == "" {
		t.Errorf("%s is stored with version %q and uid %q", key, meta.GetResourceVersion(), meta.GetUID())
	}
	meta.SetResourceVersion(strconv.FormatInt(found.Kvs[0].ModRevision, 10))
	stored.GetObjectKind().SetGroupVersionKind(served.GetObjectKind().GroupVersionKind())
	if !equality.Semantic.DeepEqual(stored, served) {
		t.Errorf("%s holds\n%+v\nand was served as\n%+v", key, stored, served)
	}
}

// renewed returns an object of an older version as one of the type of like.
func renewed(old, like runtime.Object) (runtime.Object, error) {
	data, err := json.Marshal(old)
	if err != nil {
		return nil, err
	}
	obj := reflect.New(reflect.TypeOf(like).Elem()).Interface().(runtime.Object)
	return obj, json.Unmarshal(data, obj)
}

// checkForm says what is wrong with the form of a value.
func checkForm(k kinds.Kind, value []byte) error {
	version, kind := k.GroupVersionKind().ToAPIVersionAndKind()
	if v, ok := older[k.Kind]; ok {
		version = v
	}
	if asJSON[k.Kind] {
		var meta runtime.TypeMeta
		if err := json.Unmarshal(value, &meta); err != nil || meta.APIVersion != version || meta.Kind != kind {
			return fmt.Errorf("it is no JSON of its kind: %v: %.40q", err, value)
		}
		return nil
	}
	message, enveloped := bytes.CutPrefix(value, []byte("k8s\x00"))
	var unknown runtime.Unknown
	if err := unknown.Unmarshal(message); !enveloped || err != nil {
		return fmt.Errorf("it is no protobuf in an envelope: %v: %.40q", err, value)
	}
	if unknown.APIVersion != version || unknown.Kind != kind || unknown.ContentEncoding != "" || unknown.ContentType != "" || len(unknown.Raw) == 0 {
		return fmt.Errorf("its envelope says %+v, %q, %q", unknown.TypeMeta, unknown.ContentEncoding, unknown.ContentType)
	}
	return nil
}

// checkNothingElse: all keys are upstream's.
func checkNothingElse(t *testing.T, store *clientv3.Client) {
	t.Helper()
	found, err := store.Get(t.Context(), "", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, path := range paths {
		known[path] = true
	}
	for _, kv := range found.Kvs {
		rest, below := strings.CutPrefix(string(kv.Key), "/registry/")
		parts := strings.Split(rest, "/")
		if !below || len(parts) < 2 || !known[parts[0]] && !known[parts[0]+"/"+parts[1]] {
			t.Errorf("kube-apiserver knows nothing of %s", kv.Key)
		}
	}
}
