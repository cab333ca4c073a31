package storage

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// Match says which state a List may answer with.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
type Match int

const (
	MatchConsistent   Match = iota // what etcd holds when the list begins, or newer
	MatchNotOlderThan              // Revision or newer
	MatchExact                     // Revision
	MatchAny                       // whatever is cached
)

// ListOptions say what a List answers with.
type ListOptions struct {
	Namespace string // "" is all
	Predicate
	Match    Match
	Revision int64  // for MatchNotOlderThan and MatchExact
	Limit    int64  // 0 is none
	Continue string // of the page before; Match and Revision do not count then
}

// Page is an answer to a List. The records are in the order of their keys.
type Page struct {
	Records  []*Record
	Revision int64  // of the state they belong to; a watch can start after it
	Continue string // for the next page; "" on the last one

	// Remaining is how many follow this page. It is nil on the last page and
	// when a selector makes it costly to know, as upstream has it.
	Remaining *int64
}

// List returns the records that o selects. The errors are ErrExpired (as an
// *ExpiredError when a continue token is the reason), ErrFuture, ErrContinue and ErrCorrupt.
func (c *Collection) List(ctx context.Context, o ListOptions) (*Page, error) {
	prefix := c.within(o.Namespace)
	ctx, span := c.span(ctx, "cacher.GetList", prefix)
	defer span.End()
	from := prefix
	var state *snapshot
	var revision int64
	var err error
	if o.Continue == "" {
		state, revision, err = c.state(ctx, o.Match, o.Revision)
	} else {
		state, revision, from, err = c.resume(ctx, o.Continue, prefix)
	}
	if err != nil {
		return nil, err
	}
	if o.Limit <= 0 && from == prefix {
		records, err := state.selectFrom(prefix, o.Predicate)
		return &Page{Records: records, Revision: revision}, err
	}
	page, err := state.page(prefix, from, o)
	if err != nil {
		return nil, err
	}
	page.Revision = revision
	if page.Continue != "" {
		page.Continue = token{Revision: revision, Start: page.Continue}.String()
		c.kept.keep(revision, state)
	}
	return page, nil
}

// selectFrom returns all records below prefix that p selects.
func (s *snapshot) selectFrom(prefix string, p Predicate) (records []*Record, err error) {
	s.walk(prefix, prefix, func(r *Record) bool {
		if r.corrupt != nil {
			err = r.corrupt
		} else if r.Matches(p) {
			records = append(records, r)
		}
		return err == nil
	})
	return records, err
}

// page returns at most o.Limit records from the key from on, and in Continue where
// the next page begins, relative to prefix.
func (s *snapshot) page(prefix, from string, o ListOptions) (*Page, error) {
	page := &Page{}
	var err error
	var remaining int64
	count := o.Predicate.Empty()
	s.walk(prefix, from, func(r *Record) bool {
		if o.Limit > 0 && int64(len(page.Records)) == o.Limit {
			// Pages end at the last key that was returned; it cannot be followed by its own.
			page.Continue = page.Records[o.Limit-1].Key[len(prefix):] + "\x00"
			remaining++
			return count
		}
		if r.corrupt != nil {
			err = r.corrupt
		} else if r.Matches(o.Predicate) {
			page.Records = append(page.Records, r)
		}
		return err == nil
	})
	if page.Continue != "" && count {
		page.Remaining = &remaining
	}
	return page, err
}

// state returns the collection as match wants it, and a revision that it is the state of.
func (c *Collection) state(ctx context.Context, match Match, revision int64) (*snapshot, int64, error) {
	var err error
	switch match {
	case MatchConsistent:
		err = c.store.reach(ctx, Consistent)
	case MatchNotOlderThan:
		err = c.store.reach(ctx, revision)
	case MatchExact:
		return c.at(ctx, revision)
	}
	if err != nil {
		return nil, 0, err
	}
	// The snapshot holds all changes up to now, and may hold newer ones.
	now := c.store.clock.now()
	s := c.current.Load()
	return s, max(now, s.revision), nil
}

// at returns the collection as it was at revision: from memory if it has not changed
// since or a list is being continued there, otherwise out of etcd's history.
func (c *Collection) at(ctx context.Context, revision int64) (*snapshot, int64, error) {
	if revision <= 0 {
		return nil, 0, fmt.Errorf("storage: there is no state at revision %d", revision)
	}
	if err := c.store.reach(ctx, revision); err != nil {
		return nil, 0, err
	}
	if s := c.current.Load(); s.revision <= revision {
		return s, revision, nil
	}
	if s := c.kept.at(revision); s != nil {
		return s, revision, nil
	}
	tree, err := c.load(ctx, revision)
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil, 0, fmt.Errorf("%w: %d", ErrExpired, revision)
	}
	if err != nil {
		return nil, 0, err
	}
	return &snapshot{tree, revision}, revision, nil
}

// resume returns where the list that gave the token goes on.
func (c *Collection) resume(ctx context.Context, continueToken, prefix string) (s *snapshot, revision int64, from string, err error) {
	t, err := parseToken(continueToken)
	if err != nil {
		return nil, 0, "", err
	}
	if t.Revision < 0 {
		s, revision, err = c.state(ctx, MatchConsistent, 0)
	} else {
		s, revision, err = c.at(ctx, t.Revision)
	}
	if errors.Is(err, ErrExpired) {
		err = &ExpiredError{Continue: token{Revision: -1, Start: t.Start}.String()}
	}
	return s, revision, prefix + t.Start, err
}
