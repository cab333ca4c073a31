package rest

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
	"slowmo/pkg/api/all"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/wire"
)

var fuzzedHandler = sync.OnceValue(func() *Handler { return &Handler{decoder: wire.NewDecoder(all.Scheme())} })

// fuzzed is a call about a ConfigMap that reaches no storage.
func fuzzed(target string) *call {
	r := core.ConfigMap
	req := httptest.NewRequest("GET", target, nil)
	state := &request.State{Info: request.Parse(req), User: &request.User{}}
	e := &endpoint{Handler: fuzzedHandler(), resource: r, kind: wire.NewKind(r, r.GroupVersionKind(), nil), form: api.Version{Version: r.Version, New: r.New}}
	return &call{endpoint: e, r: req, ctx: context.Background(), state: state, info: state.Info}
}

// FuzzPatch holds that no patch panics, that one that is refused is so as the
// client's mistake, and that what one makes of an object is an object.
func FuzzPatch(f *testing.F) {
	for kind, seeds := range map[byte][]string{
		0: {`[]`, `[{"op":"add","path":"/data/b","value":"c"}]`, `[{"op":"copy","from":"","path":"/data/x"}]`, `[{"op":"move","from":"/data","path":"/data/a"}]`, `[{"op":"test","path":"/metadata/-1","value":null}]`, `[{"op":"remove","path":""}]`},
		1: {`{}`, `{"data":null}`, `{"data":{"a":{"b":1}}}`, `[]`, `null`},
		2: {`{"metadata":{"finalizers":["a"],"$setElementOrder/finalizers":["b"]}}`, `{"$patch":"replace"}`, `{"metadata":{"ownerReferences":[{"uid":"1","$patch":"delete"}]}}`, `{"$retainKeys":["data"]}`},
	} {
		for _, seed := range seeds {
			f.Add(kind, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		w := &write{call: fuzzed("/api/v1/namespaces/a/configmaps/m"), validation: "Warn"}
		present := &corev1.ConfigMap{Data: map[string]string{"a": "b"}}
		present.Name, present.Kind, present.APIVersion, present.Finalizers = "m", "ConfigMap", "v1", []string{"x/y"}
		types := []types.PatchType{types.JSONPatchType, types.MergePatchType, types.StrategicMergePatchType}
		change, err := w.patchEdit(types[int(kind)%len(types)], body, nil)
		var next api.Object
		if err == nil {
			next, err = change(present)
		}
		if err != nil {
			if code := wire.StatusOf(err).Code; code < 400 || code > 422 && code != 500 {
				t.Errorf("%d: %v", code, err)
			}
			return
		}
		if _, err := json.Marshal(next); err != nil {
			t.Error(err)
		}
	})
}

// FuzzApply holds the same of what an apply wants.
func FuzzApply(f *testing.F) {
	for _, seed := range []string{"", "{}", "a: &a [*a]", "a: 1\na: 2", `{"metadata":{"name":1}}`, "\xa1\x61a\x81\xf6"} {
		f.Add(false, []byte(seed))
		f.Add(true, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, cbor bool, body []byte) {
		kind := types.ApplyYAMLPatchType
		if cbor {
			kind = types.ApplyCBORPatchType
		}
		wanted, _, err := decodeApply(kind, body, wire.MaxValues)
		if err != nil {
			if code := wire.StatusOf(err).Code; code != 400 && code != 413 {
				t.Errorf("%d: %v", code, err)
			}
			return
		}
		if _, err := json.Marshal(wanted); err != nil {
			t.Error(err)
		}
	})
}

// FuzzListOptions reads selectors, versions and limits; what is accepted says
// the same when it is written out and read again.
func FuzzListOptions(f *testing.F) {
	f.Add("a in (b,c),!d", "metadata.name=a", "5", "1")
	f.Add("a==b, c!=d, e notin ()", "metadata.name!=a\\,b", "-1", "x")
	f.Add("(", "a=b", "99999999999999999999", "9223372036854775807")
	f.Fuzz(func(t *testing.T, label, field, version, limit string) {
		query := url.Values{"labelSelector": {label}, "fieldSelector": {field}, "resourceVersion": {version}, "limit": {limit}}
		c := fuzzed("/api/v1/configmaps?" + query.Encode())
		options, err := c.listOptions()
		if err == nil {
			_, err = revision(options.ResourceVersion, 0)
		}
		if err != nil {
			if code := wire.StatusOf(err).Code; code != 400 && code != 422 {
				t.Errorf("%d: %v", code, err)
			}
			return
		}
		if options.LabelSelector == nil {
			return
		}
		query.Set("labelSelector", options.LabelSelector.String())
		again, err := fuzzed("/api/v1/configmaps?" + query.Encode()).listOptions()
		if err != nil || again.LabelSelector.String() != options.LabelSelector.String() {
			t.Errorf("%q became %v, %v", label, options.LabelSelector, err)
		}
	})
}
