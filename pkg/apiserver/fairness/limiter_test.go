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

func TestClassify(t *testing.T) {
	user := func(name string, groups ...string) *request.User { return &request.User{Name: name, Groups: groups} }
	account := user("system:serviceaccount:a:b", "system:serviceaccounts", "system:serviceaccounts:a")
	leases := *lease
	leases.Verb = "list"
	for _, tt := range []struct {
		user *request.User
		info *request.Info
		want string
	}{
		{user("admin", "system:masters"), pods, "exempt/exempt"},
		{user("x"), &request.Info{Path: "/readyz/etcd"}, "exempt/probes"},
		{user("x"), &request.Info{Path: "/readyzes"}, "global-default/global-default"},
		{user("system:node:n", "system:nodes"), lease, "node-high/system-node-high"},
		{user("system:node:n", "system:nodes"), &request.Info{Resource: "nodes", Subresource: "status"}, "node-high/system-node-high"},
		{user("system:node:n", "system:nodes"), pods, "system/system-nodes"},
		{user("x"), lease, "leader-election/system-leader-election"},
		{user("x"), &leases, "global-default/global-default"},
		{user("system:kube-scheduler"), pods, "workload-high/kube-scheduler"},
		{user("s", "system:serviceaccounts", "system:serviceaccounts:kube-system"), pods, "workload-high/kube-system-service-accounts"},
		{account, pods, "workload-low/service-accounts"},
		{user("x"), pods, "global-default/global-default"},
	} {
		if c := classify(tt.user, tt.info); c.level+"/"+c.schema != tt.want {
			t.Errorf("%s for %v: %s/%s, want %s", tt.user.Name, tt.info, c.level, c.schema, tt.want)
		}
	}
}

func TestLimiterWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(1) // one seat a level
		alice, bob := &request.User{Name: "alice"}, &request.User{Name: "bob"}
		leave, err := l.Enter(t.Context(), alice, pods)
		if err != nil {
			t.Fatal(err)
		}
		if renewed, err := l.Enter(t.Context(), alice, lease); err != nil {
			t.Error("a Lease had to wait")
		} else {
			renewed()
		}
		began := time.Now()
		if _, err := l.Enter(t.Context(), alice, pods); err != ErrTooMany || time.Since(began) != longestWait {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Enter(ctx, bob, pods); err != ErrTooMany || time.Since(began) != longestWait+time.Second {
			t.Errorf("the request's own time: %v after %s", err, time.Since(began))
		}
		go func() {
			time.Sleep(time.Second)
			leave()
			leave() // counts once
		}()
		leaveToo, err := l.Enter(t.Context(), bob, pods)
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
		if _, err := l.Enter(t.Context(), &request.User{Name: "x"}, pods); err != nil {
			t.Fatal(err)
		}
	}
}
