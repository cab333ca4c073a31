package image

import (
	"context"
	"fmt"
	"io"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Namespace is where containerd's CRI plugin keeps images and containers.
const Namespace = "k8s.io"

// The labels by which the CRI plugin knows its images.
const (
	managedLabel = "io.cri-containerd.image"
	pinnedLabel  = "io.cri-containerd.pinned"
)

// visibleWithin bounds the wait for the CRI plugin to notice an image that
// containerd already has.
const visibleWithin = 10 * time.Second

// Load imports the images into the containerd at the socket, unpacks them with
// the snapshotter the CRI plugin uses, and returns when the CRI plugin answers
// for each name. An image that is there already is left as it is.
func Load(ctx context.Context, socket, snapshotter string, imgs ...Image) error {
	client, err := containerd.New(socket, containerd.WithDefaultNamespace(Namespace))
	if err != nil {
		return fmt.Errorf("load images into containerd at %s: %w", socket, err)
	}
	defer client.Close()
	for _, img := range imgs {
		if err := load(ctx, client, snapshotter, img); err != nil {
			return fmt.Errorf("load image %s: %w", img.Names[0], err)
		}
	}
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	cri := runtimeapi.NewImageServiceClient(conn)
	for _, img := range imgs {
		for _, name := range img.Names {
			if err := visible(ctx, cri, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func load(ctx context.Context, client *containerd.Client, snapshotter string, img Image) error {
	there, err := loaded(ctx, client, snapshotter, img)
	if there || err != nil {
		return err
	}
	read, write := io.Pipe()
	archived := make(chan struct{})
	go func() {
		defer close(archived)
		write.CloseWithError(Archive(write, img))
	}()
	imported, err := client.Import(ctx, read, containerd.WithImageLabels(labels(img)))
	read.Close() // ends Archive if Import gave up early
	<-archived
	if err != nil {
		return err
	}
	if err := containerd.NewImage(client, imported[0]).Unpack(ctx, snapshotter); err != nil {
		return fmt.Errorf("unpack with snapshotter %s: %w", snapshotter, err)
	}
	return alias(ctx, client, img, imported[0])
}

// loaded tells whether each name stands for this very image, unpacked.
func loaded(ctx context.Context, client *containerd.Client, snapshotter string, img Image) (bool, error) {
	digest, err := img.Digest()
	if err != nil {
		return false, err
	}
	for _, name := range img.Names {
		have, err := client.GetImage(ctx, name)
		if errdefs.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if have.Target().Digest.String() != digest.String() {
			return false, nil
		}
		if unpacked, err := have.IsUnpacked(ctx, snapshotter); !unpacked || err != nil {
			return false, err
		}
	}
	return true, nil
}

// alias adds the image's id, by which containers refer to it, to the tags. There
// is no digest reference: no registry vouches for the image, so pods report its
// id as their imageID, as they do for any image that was not pulled.
func alias(ctx context.Context, client *containerd.Client, img Image, imported images.Image) error {
	id, err := img.ConfigName()
	if err != nil {
		return err
	}
	record := images.Image{Name: id.String(), Target: imported.Target, Labels: labels(img)}
	_, err = client.ImageService().Create(ctx, record)
	if errdefs.IsAlreadyExists(err) {
		_, err = client.ImageService().Update(ctx, record)
	}
	if err != nil {
		return fmt.Errorf("name it %s: %w", id, err)
	}
	return nil
}

func labels(img Image) map[string]string {
	labels := map[string]string{managedLabel: "managed"}
	if img.Pinned {
		labels[pinnedLabel] = "pinned"
	}
	return labels
}

// visible waits until the CRI plugin, which follows containerd's image events
// and announces nothing itself, answers for name.
func visible(ctx context.Context, cri runtimeapi.ImageServiceClient, name string) error {
	ctx, cancel := context.WithTimeout(ctx, visibleWithin)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	request := &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: name}}
	for {
		response, err := cri.ImageStatus(ctx, request)
		if err == nil && response.GetImage() != nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return fmt.Errorf("containerd has image %s, but its CRI plugin does not know it: %w", name, err)
		}
	}
}
