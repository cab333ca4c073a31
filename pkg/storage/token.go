package storage

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// token is what a continue value carries. The encoding is upstream's, so that a list
// can be continued by another server.
type token struct {
	Version  string `json:"v"`
	Revision int64  `json:"rv"`    // -1: go on in the present state
	Start    string `json:"start"` // first key of the page, relative to the list's prefix
}

const tokenVersion = "meta.k8s.io/v1"

func (t token) String() string {
	t.Version = tokenVersion
	data, _ := json.Marshal(t) // two strings and a number have no error
	return base64.RawURLEncoding.EncodeToString(data)
}

// parseToken returns ErrContinue for what String did not make, and for a start
// that would lead out of the list's prefix.
func parseToken(s string) (token, error) {
	var t token
	data, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	switch {
	case err != nil:
		return t, fmt.Errorf("%w: %w", ErrContinue, err)
	case t.Version != tokenVersion:
		return t, fmt.Errorf("%w: server does not recognize this encoded version %v", ErrContinue, t.Version)
	case t.Revision == 0:
		return t, fmt.Errorf("%w: incorrect encoded start resourceVersion (version %s)", ErrContinue, tokenVersion)
	case t.Start == "":
		return t, fmt.Errorf("%w: encoded start key empty (version %s)", ErrContinue, tokenVersion)
	case strings.HasPrefix(t.Start, "/") || path.Join("/", t.Start) != "/"+t.Start:
		return t, fmt.Errorf("%w: %v", ErrContinue, t.Start)
	}
	return t, nil
}

// kept holds the snapshots in which lists are being continued. It keeps the
// newest few; what it dropped comes out of etcd's history.
type kept struct {
	mu        sync.Mutex
	snapshots []keptSnapshot // oldest first
}

type keptSnapshot struct {
	revision int64 // at which it was listed
	state    *snapshot
}

const keptMost = 16

func (k *kept) keep(revision int64, s *snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.ContainsFunc(k.snapshots, func(s keptSnapshot) bool { return s.revision == revision }) {
		return
	}
	if len(k.snapshots) == keptMost {
		k.snapshots = slices.Delete(k.snapshots, 0, 1)
	}
	k.snapshots = append(k.snapshots, keptSnapshot{revision, s})
}

// at returns the snapshot that was listed at revision, or nil.
func (k *kept) at(revision int64) *snapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.snapshots {
		if s.revision == revision {
			return s.state
		}
	}
	return nil
}

// forget drops the snapshots of revisions up to revision.
func (k *kept) forget(revision int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.snapshots = slices.DeleteFunc(k.snapshots, func(s keptSnapshot) bool { return s.revision <= revision })
}
