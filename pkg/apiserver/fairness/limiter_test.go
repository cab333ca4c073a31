package fairness

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"slowmo/pkg/apiserver/request"
)

var (
	pods  = &request.Info{IsResource: true, Verb: "list", Resource: "pods", Path: "/api/v1/pods"}
	lease = &request.Info{IsResource: true, Verb: "update", APIGroup: "coordination.k8s.io", Resource: "leases"}
)

var everybody = Class{Schema: "global-default", Level: "global-default"}

func TestLimiterWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(1) // one seat a level
		alice, bob := &request.User{Name: "alice"}, &request.User{Name: "bob"}
		leave, err := l.Enter(t.Context(), everybody, alice, pods)
		if err != nil {
			t.Fatal(err)
		}
		if renewed, err := l.Enter(t.Context(), everybody, alice, lease); err != nil {
			t.Error("a Lease had to wait")
		} else {
			renewed()
		}
		began := time.Now()
		if _, err := l.Enter(t.Context(), everybody, alice, pods); err != ErrTooMany || time.Since(began) != longestWait {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Enter(ctx, everybody, bob, pods); err != ErrTooMany || time.Since(began) != longestWait+time.Second {
			t.Errorf("the request's own time: %v after %s", err, time.Since(began))
		}
		go func() {
			time.Sleep(time.Second)
			leave()
			leave() // counts once
		}()
		leaveToo, err := l.Enter(t.Context(), everybody, bob, pods)
		if err != nil {
			t.Fatal(err)
		}
		if l.queue.level("global-default").running != 1 {
			t.Errorf("%d run", l.queue.level("global-default").running)
		}
		leaveToo()
	})
}

func TestNoLimit(t *testing.T) {
	l := New(0)
	for range 1000 {
		if _, err := l.Enter(t.Context(), everybody, &request.User{Name: "x"}, pods); err != nil {
			t.Fatal(err)
		}
	}
}
