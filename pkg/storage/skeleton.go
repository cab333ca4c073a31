package storage

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"slowmo/pkg/api"
)

type Etcd struct {
	Client    *clientv3.Client
	ReadIndex func(ctx context.Context) (revision int64, err error)
}

type Store struct{}

func Open(ctx context.Context, e Etcd, resources []*api.Resource) (*Store, error) { return nil, nil }
func (s *Store) Run(ctx context.Context) error                                    { return nil }
func (s *Store) Collection(r *api.Resource) *Collection                           { return nil }
func (s *Store) Revision() int64                                                  { return 0 }
func (s *Store) Ready(ctx context.Context) error                                  { return nil }

type Record struct {
	Key, Namespace, Name string
	UID                  types.UID
	Revision             int64
	Labels               labels.Set
}

func (r *Record) Object() (api.Object, error)   { return nil, nil }
func (r *Record) Bytes(f *Form) ([]byte, error) { return nil, nil }
func (r *Record) Matches(p Predicate) bool      { return false }

type Form struct {
	Name   string
	Encode func(obj api.Object) ([]byte, error)
}

type Predicate struct {
	Label labels.Selector
	Field fields.Selector
}

const (
	Any        int64 = 0
	Consistent int64 = -1
)

type Match int

const (
	MatchConsistent Match = iota
	MatchNotOlderThan
	MatchExact
	MatchAny
)

type Collection struct{}

func (c *Collection) Resource() *api.Resource { return nil }
func (c *Collection) Len() int                { return 0 }
func (c *Collection) Get(ctx context.Context, namespace, name string, revision int64) (*Record, error) {
	return nil, nil
}

type ListOptions struct {
	Namespace string
	Predicate
	Match    Match
	Revision int64
	Limit    int64
	Continue string
}
type Page struct {
	Records   []*Record
	Revision  int64
	Continue  string
	Remaining *int64
}

func (c *Collection) List(ctx context.Context, o ListOptions) (*Page, error) { return nil, nil }

type WatchOptions struct {
	Namespace string
	Predicate
	Revision      int64
	InitialEvents bool
	Bookmarks     bool
}
type Event struct {
	Type             watch.EventType
	Record           *Record
	Revision         int64
	InitialEventsEnd bool
}
type Watcher struct{}

func (c *Collection) Watch(ctx context.Context, o WatchOptions) (*Watcher, error) { return nil, nil }
func (w *Watcher) Next(ctx context.Context) ([]Event, error)                      { return nil, nil }
func (w *Watcher) Close()                                                         {}

type Op struct {
	Collection *Collection
	Create     api.Object
	Delete     types.NamespacedName
}

func (c *Collection) Create(ctx context.Context, obj api.Object, with ...Op) (*Record, error) {
	return nil, nil
}
func (c *Collection) Modify(ctx context.Context, namespace, name string, change func(current api.Object) (api.Object, error), with ...Op) (*Record, error) {
	return nil, nil
}
