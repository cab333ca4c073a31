package controller

import (
	"errors"
	"strings"
	"testing"

	"slowmo/pkg/component"
)

func TestSelected(t *testing.T) {
	for _, c := range []struct {
		wanted string
		want   string // "all", or names
	}{
		{"*", "all"},
		{"deployment-controller", "deployment-controller"},
		{"deployment,replicaset-controller", "deployment-controller replicaset-controller"},
		{"-deployment-controller", ""},
		{"*,-podgc", "all but pod-garbage-collector-controller"},
	} {
		entries, err := selected(strings.Split(c.wanted, ","))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.name)
		}
		want := c.want
		switch {
		case want == "all":
			want = strings.Join(names(), " ")
		case strings.HasPrefix(want, "all but "):
			want = strings.Replace(strings.Join(names(), " "), strings.TrimPrefix(want, "all but ")+" ", "", 1)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", c.wanted, got)
		}
	}
}

func TestBadFlagsAreUsageErrorsThatNameTheFlag(t *testing.T) {
	for _, args := range [][]string{
		{"--controllers=none-such"}, {"--controllers=-"}, {"--cluster-cidr=10.0.0.0"}, {"--node-cidr-mask-size=8", "--cluster-cidr=10.0.0.0/16"},
		{"--concurrent-gc-syncs=0"}, {"--node-monitor-grace-period=0s"}, {"--leader-elect-resource-lock=configmaps"}, {"--none-such"},
	} {
		o := NewOptions()
		err := o.Parse(args)
		if err == nil {
			err = o.Validate()
		}
		var usage *component.UsageError
		flag, _, _ := strings.Cut(args[0], "=")
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), flag) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestDefaultsAreValid(t *testing.T) {
	o := NewOptions()
	if err := o.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	if o.Serving.Port != 10257 || o.Election.Name != "kube-controller-manager" {
		t.Errorf("port %d, lease %s", o.Serving.Port, o.Election.Name)
	}
}
