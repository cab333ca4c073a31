package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// bare starts the same container by nothing but CRI calls.
type bare struct {
	runtime runtimev1.RuntimeServiceClient
	logs    string
}

func newBare(tb testing.TB, socket string) bare {
	tb.Helper()
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return bare{runtimev1.NewRuntimeServiceClient(conn), tb.TempDir()}
}

// start runs a sandbox and a container in it, and returns its address and how
// to remove both.
func (b bare) start(ctx context.Context, n int) (ip string, remove func() error, err error) {
	name := fmt.Sprintf("bare-%d", n)
	sandbox := &runtimev1.PodSandboxConfig{
		Metadata:     &runtimev1.PodSandboxMetadata{Name: name, Namespace: "bare", Uid: fmt.Sprintf("%s-%d", name, os.Getpid())},
		LogDirectory: filepath.Join(b.logs, name),
		Linux:        &runtimev1.LinuxPodSandboxConfig{},
	}
	pod, err := b.runtime.RunPodSandbox(ctx, &runtimev1.RunPodSandboxRequest{Config: sandbox})
	if err != nil {
		return "", nil, err
	}
	id := pod.PodSandboxId
	remove = func() error {
		if _, err := b.runtime.StopPodSandbox(ctx, &runtimev1.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
			return err
		}
		_, err := b.runtime.RemovePodSandbox(ctx, &runtimev1.RemovePodSandboxRequest{PodSandboxId: id})
		return err
	}
	made, err := b.runtime.CreateContainer(ctx, &runtimev1.CreateContainerRequest{PodSandboxId: id, SandboxConfig: sandbox,
		Config: &runtimev1.ContainerConfig{
			Metadata: &runtimev1.ContainerMetadata{Name: name},
			Image:    &runtimev1.ImageSpec{Image: image},
			LogPath:  "0.log",
			Linux:    &runtimev1.LinuxContainerConfig{},
		}})
	if err != nil {
		return "", remove, err
	}
	if _, err := b.runtime.StartContainer(ctx, &runtimev1.StartContainerRequest{ContainerId: made.ContainerId}); err != nil {
		return "", remove, err
	}
	status, err := b.runtime.PodSandboxStatus(ctx, &runtimev1.PodSandboxStatusRequest{PodSandboxId: id})
	if err != nil {
		return "", remove, err
	}
	return status.Status.Network.GetIp(), remove, nil
}
