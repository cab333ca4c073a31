package cri

import (
	"context"
	"fmt"

	eventtypes "github.com/containerd/containerd/api/events"
	eventsapi "github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// containerdNamespace is where containerd's CRI plugin keeps its containers.
const containerdNamespace = "k8s.io"

// Watch follows containerd's own event service, which listens on the CRI
// socket too. CRI's GetContainerEvents would be the portable way, but
// containerd has it only from 1.7 on, and Debian ships 1.6.
func (c *Client) Watch(ctx context.Context, subscribed func(), handle func(Exit)) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "containerd-namespace", containerdNamespace)
	stream, err := eventsapi.NewEventsClient(c.conn).Subscribe(ctx, &eventsapi.SubscribeRequest{
		Filters: []string{
			`topic=="/tasks/exit",namespace==` + containerdNamespace,
		},
	})
	if err != nil {
		return watchError(err)
	}
	// containerd sends no header before the first event, so there is nothing to
	// wait for; the request is on its way before any call that follows it on
	// this connection.
	subscribed()
	for {
		envelope, err := stream.Recv()
		if err != nil {
			return watchError(err)
		}
		if exit, ok := decodeExit(envelope); ok {
			handle(exit)
		}
	}
}

func watchError(err error) error {
	if status.Code(err) == codes.Unimplemented {
		return ErrNoEvents
	}
	return fmt.Errorf("container events: %w", err)
}

// decodeExit reads a containerd event. Exits of exec'd processes carry the
// container's id too, with another process id: they are not the container's end.
func decodeExit(envelope *types.Envelope) (Exit, bool) {
	var exit eventtypes.TaskExit
	if proto.Unmarshal(envelope.GetEvent().GetValue(), &exit) != nil || exit.ID != exit.ContainerID {
		return Exit{}, false
	}
	return Exit{ID: exit.ContainerID}, true
}
