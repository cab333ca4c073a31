package linear

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// delayed returns the URL of a proxy to the etcd at address that lets all through
// but what watches are told: that comes up to most later, in order. It puts a cache
// behind the store without a change to the server that has it.
func delayed(t *testing.T, address string, seed uint64, most time.Duration) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{conn, seed, most}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(p.forward))
	go server.Serve(listener)
	t.Cleanup(func() {
		server.Stop()
		conn.Close()
	})
	return "http://" + listener.Addr().String()
}

// raw passes messages through as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

type proxy struct {
	to   *grpc.ClientConn
	seed uint64
	most time.Duration
}

// forward connects a call with one to the server behind.
func (p *proxy) forward(_ any, in grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(in)
	header, _ := metadata.FromIncomingContext(in.Context())
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(in.Context(), header))
	defer cancel()
	out, err := p.to.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	go func() {
		for {
			var message []byte
			if in.RecvMsg(&message) != nil {
				_ = out.CloseSend()
				return
			}
			if out.SendMsg(&message) != nil {
				return
			}
		}
	}()
	if strings.HasSuffix(method, "/Watch") {
		return p.late(out, in)
	}
	for {
		var message []byte
		if err := out.RecvMsg(&message); err != nil {
			return ending(err)
		}
		if err := in.SendMsg(&message); err != nil {
			return err
		}
	}
}

func ending(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// late passes messages on some time after they came.
func (p *proxy) late(out grpc.ClientStream, in grpc.ServerStream) error {
	type letter struct {
		message []byte
		due     time.Time
	}
	letters, ended := make(chan letter, 100_000), make(chan error, 1)
	go func() {
		defer close(letters)
		random, due := rand.New(rand.NewPCG(p.seed, 0)), time.Now()
		for {
			var message []byte
			if err := out.RecvMsg(&message); err != nil {
				ended <- fmt.Errorf("behind the proxy: %w", err)
				return
			}
			if later := time.Now().Add(time.Duration(random.Int64N(int64(p.most)))); later.After(due) {
				due = later
			}
			letters <- letter{message, due}
		}
	}()
	for l := range letters {
		select {
		case <-time.After(time.Until(l.due)):
		case <-in.Context().Done():
			return in.Context().Err()
		}
		if err := in.SendMsg(&l.message); err != nil {
			return err
		}
	}
	return ending(<-ended)
}
