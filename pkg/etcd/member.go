package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"slowmo/pkg/storage"
)

// Config says where a member keeps its data and who else may read it.
type Config struct {
	// Dir is the data directory; it is made with mode 0700 where it is missing. One
	// member uses it at a time.
	Dir string

	// Listen is a URL for other clients such as etcdctl: unix:///run/etcd.sock, or
	// http:// with a loopback address, which opens the store to every user of
	// the machine. Empty means that the member does not listen.
	Listen string

	// Quota is the size of the database, in bytes, at which writes are refused
	// until space is reclaimed.
	Quota int64
}

// NewConfig returns the defaults for a member in dir: no listener, 8 GiB.
func NewConfig(dir string) Config {
	return Config{Dir: dir, Quota: 8 << 30}
}

// Validate says what is wrong with c, if anything.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("etcd: the data directory is empty: give one")
	}
	if c.Quota <= 0 {
		return fmt.Errorf("etcd: the quota is %d bytes: give a positive number", c.Quota)
	}
	_, err := c.listenURLs()
	return err
}

// listenURLs returns Listen in the form that embed takes.
func (c Config) listenURLs() ([]url.URL, error) {
	if c.Listen == "" {
		return nil, nil
	}
	u, err := url.Parse(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("etcd: listen address: %w", err)
	}
	switch u.Scheme {
	case "unix":
		if u.Path == "" {
			return nil, fmt.Errorf("etcd: listen address %q names no socket: write unix:///path", c.Listen)
		}
	case "http":
		if host := u.Hostname(); host != "127.0.0.1" && host != "::1" || u.Port() == "" {
			return nil, fmt.Errorf("etcd: listen address %q must be a loopback address with a port, for it has no TLS", c.Listen)
		}
	default:
		return nil, fmt.Errorf("etcd: listen address %q must begin with unix:// or http://", c.Listen)
	}
	return []url.URL{*u}, nil
}

// Member is an etcd server in this process.
type Member struct {
	server *embed.Etcd
	client *clientv3.Client
	lock   *os.File        // holds the data directory
	level  zap.AtomicLevel // of its log
}

// Start starts a member and returns once it leads and answers. ctx bounds the
// start only. The caller must Close the member.
func Start(ctx context.Context, c Config) (*Member, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	lock, err := lockDir(c.Dir)
	if err != nil {
		return nil, err
	}
	// Until it is ready the member tells at length what it is configured not to do
	// and that its version is not on disk yet. Whatever stops it is returned as an error.
	level := zap.NewAtomicLevelAt(zapcore.FatalLevel)
	config, err := embedConfig(c, level)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("etcd: cannot start in %s: %w", c.Dir, err), lock.Close())
	}
	m := &Member{server, v3client.New(server.Server), lock, level}
	if err := m.lead(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("etcd: member in %s did not become ready: %w", c.Dir, err), m.Close())
	}
	server.Server.Backend().ForceCommit()
	level.SetLevel(zapcore.WarnLevel)
	return m, nil
}

// lead makes the member the leader of its group of one and returns when it is
// ready. By itself it would wait most of a second for a leader to hear from; ticks short
// enough to mend that would cost two per cent of a processor for ever. So it is told
// to campaign at once, as raft's leaders tell the successor that they choose. It cannot before
// it has applied its own membership, of which there is no news.
//
// A campaign looks through the entries that raft does not know to be applied, and
// panics if etcd has applied and dropped them in the meantime. So nothing is
// asked of raft before the log has been applied and has stayed so for a while.
func (m *Member) lead(ctx context.Context) error {
	server := m.server.Server
	campaign := &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), To: new(uint64(server.MemberID()))}
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	var applied uint64
	for settled := 0; ; {
		select {
		case <-server.ReadyNotify():
			return nil
		case err := <-m.server.Err():
			return err
		case <-server.StopNotify():
			return errors.New("it stopped by itself")
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
			now := server.AppliedIndex()
			if settled++; now == 0 || now != applied || now != server.CommittedIndex() {
				settled, applied = 0, now
			}
			if settled < settledTicks {
				continue
			}
			settled = 0
			if err := server.Process(ctx, campaign); err != nil {
				return err
			}
		}
	}
}

// settledTicks is for how many looks at it the log must have been applied.
const settledTicks = 8

// embedConfig turns c into the configuration of a group of one.
func embedConfig(c Config, level zap.AtomicLevel) (*embed.Config, error) {
	listen, err := c.listenURLs()
	if err != nil {
		return nil, err
	}
	e := embed.NewConfig()
	e.Name = "slowmo"
	e.Dir = filepath.Join(c.Dir, "etcd")
	e.InitialCluster = e.InitialClusterFromName(e.Name)
	e.ListenPeerUrls = nil
	e.ListenClientUrls, e.AdvertiseClientUrls = listen, listen
	e.EnableGRPCGateway = false
	e.QuotaBackendBytes = c.Quota
	// Raft keeps this many entries in memory for followers that lag. There are none.
	e.SnapshotCatchUpEntries = 100
	e.ZapLoggerBuilder = embed.NewZapLoggerBuilder(newLogger(level))
	return e, nil
}

// lockDir makes dir and takes it for this process. etcd itself would wait,
// silently and forever, for the process that has it.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("etcd: data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("etcd: data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("etcd: data directory %s is in use by another process: stop it or give another directory", dir), f.Close())
	}
	return f, nil
}

// Etcd returns what storage.Open needs. It is good until Close.
func (m *Member) Etcd() storage.Etcd {
	return storage.Etcd{Client: m.client, ReadIndex: m.readIndex, Watch: m.watch, Txn: v3rpc.NewQuotaKVServer(m.server.Server).Txn}
}

// readIndex asks raft, without a request to etcd's key-value side, up to which
// revision everything is committed that was committed when it was called.
func (m *Member) readIndex(ctx context.Context) (int64, error) {
	if err := m.server.Server.LinearizableReadNotify(ctx); err != nil {
		return 0, fmt.Errorf("etcd: read index: %w", err)
	}
	return m.server.Server.KV().Rev(), nil
}

// watch takes the events from the key-value side as it applies them. The
// client's watch would hand each on through four goroutines, and a write waits for its own event.
func (m *Member) watch(ctx context.Context, revision int64, apply func([]*mvccpb.Event)) error {
	stream := m.server.Server.Watchable().NewWatchStream()
	defer stream.Close()
	everything, toTheEnd := []byte{0}, []byte{}
	if _, err := stream.Watch(ctx, clientv3.AutoWatchID, everything, toTheEnd, revision); err != nil {
		return fmt.Errorf("etcd: watch: %w", err)
	}
	for {
		select {
		case response := <-stream.Chan():
			if response.CompactRevision != 0 {
				return rpctypes.ErrCompacted
			}
			apply(response.Events)
		case <-m.server.Server.StopNotify():
			return errors.New("etcd: watch: the member stopped")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Size returns the size of the database file in bytes.
func (m *Member) Size(context.Context) (int64, error) {
	return m.server.Server.Backend().Size(), nil
}

// Failed yields an error, or is closed, when the member stops without Close.
func (m *Member) Failed() <-chan error { return m.server.Err() }

// Close stops the member and gives the data directory up.
func (m *Member) Close() error {
	m.level.SetLevel(zapcore.FatalLevel) // it calls the end of each of its servers an error
	err := m.client.Close()
	if errors.Is(err, context.Canceled) {
		err = nil // what Close of an in-process client always says
	}
	m.server.Close()
	if u := m.server.Config().ListenClientUrls; len(u) == 1 && u[0].Scheme == "unix" {
		if rm := os.Remove(strings.TrimPrefix(u[0].String(), "unix://")); !errors.Is(rm, os.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return errors.Join(err, m.lock.Close())
}
