package wire

import (
	"fmt"
	"net/http/httptest"
	"testing"
)

func TestNegotiate(t *testing.T) {
	for _, tt := range []struct {
		accept string
		offer  Offer
		want   string // media type, then the kind that is shown instead
	}{
		{"", Shapes, "application/json"},
		{"*/*", Shapes, "application/json"},
		{"application/*", Shapes, "application/json"},
		{"application/yaml", Shapes, "application/yaml"},
		{"application/vnd.kubernetes.protobuf, application/json", Shapes, "application/vnd.kubernetes.protobuf"},
		{"application/json;q=0.1, application/yaml;q=0.9", Shapes, "application/yaml"},
		{"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Shapes, "application/json Table"},
		{"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Plain, "application/json"},
		{"application/json;as=Table;v=v9;g=meta.k8s.io", Shapes, "406"},
		{"application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", Shapes, "application/json"},
		{"application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", Shapes, "application/vnd.kubernetes.protobuf PartialObjectMetadata"},
		{"application/json;as=Nonsense;v=v1;g=meta.k8s.io", Shapes, "406"},
		{"application/json;stream=watch", Streams, "application/json"},
		{"application/json;stream=watch", Shapes, "application/json"},
		{"application/json;stream=watch", Plain, "406"},
		{"application/cbor, application/json;q=0.9", Shapes, "application/cbor"},
		{"application/cbor;as=Table;v=v1;g=meta.k8s.io", Shapes, "application/cbor Table"},
		{"application/cbor", Streams, "application/cbor"},
		{"application/yaml", Streams, "406"},
		{"image/png", Shapes, "406"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if tt.accept != "" {
			r.Header.Set("Accept", tt.accept)
		}
		media, err := Negotiate(r, tt.offer)
		got := media.Type
		if media.As.Kind != "" {
			got += " " + media.As.Kind
		}
		if err != nil {
			got = fmt.Sprint(StatusOf(err).Code)
		}
		if got != tt.want {
			t.Errorf("%q, offer %d: got %s, want %s", tt.accept, tt.offer, got, tt.want)
		}
	}
}
