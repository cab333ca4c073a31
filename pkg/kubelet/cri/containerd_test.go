package cri_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/cri/critest"
)

func TestContainerdConformance(t *testing.T) {
	containerd := critest.StartContainerd(t)
	client, err := cri.Dial(containerd.Socket, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	critest.Run(t, critest.Subject{Runtime: client, Image: critest.ToolImage, LogDir: containerd.LogDir})
}
