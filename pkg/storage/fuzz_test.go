package storage_test

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"slowmo/pkg/storage"
)

// FuzzStoredBytes feeds the decoder what might stand in a store.
// What it accepts it must encode and accept again.
func FuzzStoredBytes(f *testing.F) {
	pod, err := samplePod()
	if err != nil {
		f.Fatal(err)
	}
	good, err := storage.Encode(pods(), pod.DeepCopy())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}`))
	f.Add([]byte("k8s\x00"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		obj, err := storage.Decode(pods(), data)
		if err != nil {
			return
		}
		again, err := storage.Encode(pods(), obj)
		if err != nil {
			return // JSON may hold strings that protobuf may not
		}
		obj, err = storage.Decode(pods(), again)
		if err != nil {
			t.Fatal(err)
		}
		if third, err := storage.Encode(pods(), obj); err != nil || !bytes.Equal(again, third) {
			t.Errorf("%q, %v; want %q", third, err, again)
		}
	})
}

// FuzzToken holds that no continue token leads out of the list's prefix.
func FuzzToken(f *testing.F) {
	f.Add("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi9zZWNyZXRzIn0")
	f.Add("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJucy9hXHUwMDAwIn0")
	f.Fuzz(func(t *testing.T, token string) {
		start, err := storage.StartOf(token)
		if err == nil && !strings.HasPrefix(path.Join("/p", start), "/p/") {
			t.Errorf("token %q starts at %q", token, start)
		}
	})
}
