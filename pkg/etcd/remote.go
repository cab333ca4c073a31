package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"slowmo/pkg/storage"
)

// Remote is a client of etcd servers in other processes.
type Remote struct{ client *clientv3.Client }

// Dial returns a client of the etcd group with the given servers, as URLs
// ("https://127.0.0.1:2379"). It connects in the background: the first request
// waits for a connection. tls may be nil for http:// and unix:// URLs. The user that
// the servers see must be allowed to read every key, because the store follows
// all revisions.
func Dial(servers []string, tls *tls.Config) (*Remote, error) {
	if len(servers) == 0 {
		return nil, errors.New("etcd: no servers: give at least one URL")
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: servers,
		TLS:       tls,
		// As kube-apiserver: a silent server is given up after 40 seconds.
		DialTimeout:          20 * time.Second,
		DialKeepAliveTime:    30 * time.Second,
		DialKeepAliveTimeout: 10 * time.Second,
		Logger:               newLogger(zap.NewAtomicLevelAt(zapcore.WarnLevel)),
	})
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	return &Remote{client}, nil
}

// Etcd returns what storage.Open needs. It is good until Close.
func (r *Remote) Etcd() storage.Etcd {
	return storage.Etcd{Client: r.client, ReadIndex: r.readIndex, Txn: r.txn}
}

func (r *Remote) txn(ctx context.Context, request *pb.TxnRequest) (*pb.TxnResponse, error) {
	return clientv3.RetryKVClient(r.client).Txn(ctx, request)
}

// readIndex makes a linearizable read that carries nothing but its header.
func (r *Remote) readIndex(ctx context.Context) (int64, error) {
	response, err := r.client.Get(ctx, "/registry", clientv3.WithCountOnly())
	if err != nil {
		return 0, fmt.Errorf("etcd: read index: %w", err)
	}
	return response.Header.Revision, nil
}

// Size returns the size of the first reachable server's database file in bytes.
func (r *Remote) Size(ctx context.Context) (int64, error) {
	var errs error
	for _, server := range r.client.Endpoints() {
		status, err := r.client.Status(ctx, server)
		if err == nil {
			return status.DbSize, nil
		}
		errs = errors.Join(errs, err)
	}
	return 0, fmt.Errorf("etcd: status: %w", errs)
}

// Close closes the connections.
func (r *Remote) Close() error { return r.client.Close() }
