package rest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

func TestStorageErrors(t *testing.T) {
	r := core.ConfigMap
	c := &call{endpoint: &endpoint{resource: r, kind: wire.NewKind(r, r.GroupVersionKind(), nil)}, ctx: context.Background(), info: &request.Info{Name: "a"}}
	for _, tt := range []struct {
		err  error
		code int32
		want string
	}{
		{&storage.ExpiredError{Continue: "token"}, 410, "The provided continue parameter is too old to display a consistent list result."},
		{storage.ErrExpired, 410, "The resourceVersion for the provided list is too old."},
		{fmt.Errorf("%w: x", storage.ErrNotFound), 404, `configmaps "a" not found`},
		{&storage.FutureError{Requested: 9, Current: 5}, 504, "Too large resource version: 9, current: 5"},
		{storage.ErrContinue, 400, "invalid continue token: continue key is not valid"},
	} {
		status := wire.StatusOf(c.apiError(tt.err))
		if status.Code != tt.code || !strings.Contains(status.Message, tt.want) {
			t.Errorf("%v: %d %s", tt.err, status.Code, status.Message)
		}
		if token := status.ListMeta.Continue; (token == "token") != strings.Contains(tt.want, "continue parameter") {
			t.Errorf("%v: continue with %q", tt.err, token)
		}
		if tt.code == 410 && !apierrors.IsResourceExpired(c.apiError(tt.err)) {
			t.Errorf("%v is no Expired", tt.err)
		}
	}
}
