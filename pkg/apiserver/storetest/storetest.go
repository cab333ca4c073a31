// Package storetest gives tests a real store on a real etcd member.
package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
	"slowmo/pkg/api/all"
	"slowmo/pkg/etcd"
	"slowmo/pkg/storage"
)

// New returns an empty, running store of all resources and the extra ones. It
// ends with the test.
func New(t testing.TB, extra ...*api.Resource) *storage.Store {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	member, err := etcd.Start(ctx, etcd.NewConfig(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(ctx, member.Etcd(), append(all.Resources(), extra...))
	if err != nil {
		t.Fatal(err)
	}
	Go(t, cancel, func() error { return store.Run(ctx) }, func() { member.Close() })
	return store
}

// Go runs f beside the test, which ends it with stop and waits for it; then it
// calls after.
func Go(t testing.TB, stop func(), f func() error, after ...func()) {
	var running sync.WaitGroup
	running.Go(func() {
		if err := f(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		for _, next := range after {
			next()
		}
	})
}

// Put stores an object as it is, with the metadata that the server gives it,
// and returns it as stored.
func Put[T api.Object](t testing.TB, store *storage.Store, r *api.Resource, obj T) T {
	t.Helper()
	if r.Default != nil {
		r.Default(obj)
	}
	obj.SetUID(types.UID(uuid.NewString()))
	obj.SetCreationTimestamp(metav1.Now())
	record, err := store.Collection(r).Create(t.Context(), obj)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := record.Object()
	if err != nil {
		t.Fatal(err)
	}
	return stored.(T)
}
