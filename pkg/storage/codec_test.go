package storage_test

import (
	"bytes"
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// TestStoredAs: a definition may name an older version, or JSON, for what is stored.
// Nobody who reads the object sees it.
func TestStoredAs(t *testing.T) {
	older, asJSON := configMaps(), configMaps()
	older.StorageVersion, asJSON.StorageJSON = "v1beta1", true
	obj := configMap("default", "a", "k=v")
	for name, c := range map[string]struct {
		stored []byte
		want   string
	}{
		"protobuf": {encoded(t, configMaps(), obj), "v1"},
		"older":    {encoded(t, older, obj), "v1beta1"},
	} {
		var unknown runtime.Unknown
		message, ok := bytes.CutPrefix(c.stored, []byte("k8s\x00"))
		if err := unknown.Unmarshal(message); !ok || err != nil || unknown.APIVersion != c.want || unknown.Kind != "ConfigMap" {
			t.Errorf("%s: %v, %v", name, unknown.TypeMeta, err)
		}
	}
	var meta metav1.TypeMeta
	stored := encoded(t, asJSON, obj)
	if err := json.Unmarshal(stored, &meta); err != nil || meta.APIVersion != "v1" || meta.Kind != "ConfigMap" {
		t.Errorf("JSON: %v, %v", meta, err)
	}
	if obj.APIVersion != "v1" {
		t.Errorf("the object itself became %s", obj.APIVersion)
	}
	for _, data := range [][]byte{stored, encoded(t, older, obj), encoded(t, configMaps(), obj)} {
		back, err := storage.Decode(older, data)
		if err != nil || back.(*corev1.ConfigMap).APIVersion != "v1" || back.(*corev1.ConfigMap).Data["k"] != "v" {
			t.Errorf("%.20q came back as %v, %v", data, back, err)
		}
	}
}

func encoded(t *testing.T, r *api.Resource, obj api.Object) []byte {
	t.Helper()
	data, err := storage.Encode(r, obj)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
