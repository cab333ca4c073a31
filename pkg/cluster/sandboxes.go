package cluster

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// podGrace is what containers get after SIGTERM when the cluster goes down.
const podGrace = 2 * time.Second

// answersWithin bounds the wait for containerd's CRI plugin.
const answersWithin = 30 * time.Second

func dialRuntime(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// runtimeAnswers waits until the runtime at the socket serves CRI. containerd
// says that it is ready while its CRI plugin is still looking at what it has,
// and nothing tells the end of that.
func runtimeAnswers(ctx context.Context, socket string) error {
	conn, err := dialRuntime(socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	cri := runtimeapi.NewRuntimeServiceClient(conn)
	limit, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		_, err := cri.Status(limit, &runtimeapi.StatusRequest{})
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-limit.Done():
			return fmt.Errorf("the container runtime at %s does not answer: %w", socket, err)
		}
	}
}

// removeSandboxes stops and removes all pods that the runtime at the socket
// has, all at once.
func removeSandboxes(ctx context.Context, socket string) error {
	conn, err := dialRuntime(socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	cri := runtimeapi.NewRuntimeServiceClient(conn)
	containers, err := cri.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	}})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	var stopping errgroup.Group
	for _, container := range containers.Containers {
		stopping.Go(func() error {
			_, err := cri.StopContainer(ctx, &runtimeapi.StopContainerRequest{
				ContainerId: container.Id, Timeout: int64(podGrace.Seconds())})
			return err
		})
	}
	if err := stopping.Wait(); err != nil {
		return fmt.Errorf("stop containers: %w", err)
	}
	sandboxes, err := cri.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	var removing errgroup.Group
	for _, sandbox := range sandboxes.Items {
		removing.Go(func() error {
			if _, err := cri.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: sandbox.Id}); err != nil {
				return err
			}
			_, err := cri.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: sandbox.Id})
			return err
		})
	}
	if err := removing.Wait(); err != nil {
		return fmt.Errorf("remove pods: %w", err)
	}
	return nil
}
