package proxy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/knftables"
)

// table keeps one nftables table as its owners want it. It is not safe for concurrent use.
type table struct {
	*settings
	nft knftables.Interface

	// owners holds the fragment that each owner asked for last. Chains and sets belong to one
	// owner each; an element that several want goes to the one whose name sorts first.
	owners map[string]*fragment
	claims map[element]map[string]string // -> owner -> value

	// dirty are the owners whose fragments changed since the last apply.
	dirty map[string]*fragment // -> what the kernel has of it
	// fresh is false until the kernel's table is known to be what we think: then apply
	// replaces the whole.
	fresh bool
}

func newTable(s *settings, nft knftables.Interface) *table {
	return &table{settings: s, nft: nft, owners: map[string]*fragment{}, claims: map[element]map[string]string{}, dirty: map[string]*fragment{}}
}

// set records what an owner wants from now on; nil is nothing. Nothing happens before apply.
func (t *table) set(owner string, f *fragment) {
	old := t.wants(owner)
	if f == nil {
		f = &fragment{}
	}
	if old.equal(f) {
		return
	}
	for name, timeout := range f.sets {
		if was := old.sets[name]; was != 0 && was != timeout {
			t.doubt() // a set's timeout cannot be changed
		}
	}
	if _, known := t.dirty[owner]; !known {
		t.dirty[owner] = old
	}
	t.owners[owner] = f
}

// wants returns the owner's fragment, an empty one where there is none.
func (t *table) wants(owner string) *fragment {
	if f := t.owners[owner]; f != nil {
		return f
	}
	return &fragment{}
}

// doubt makes the next apply write everything.
func (t *table) doubt() { t.fresh = false }

// apply makes the kernel's table what the owners want, in one transaction: all of it takes effect, or,
// with an error, nothing; then the next apply writes everything.
func (t *table) apply(ctx context.Context) error {
	if t.fresh && len(t.dirty) == 0 {
		return nil
	}
	tx := t.nft.NewTransaction()
	if t.fresh {
		t.write(tx, t.dirty)
	} else {
		t.writeAll(tx)
	}
	for owner := range t.dirty {
		if t.wants(owner).equal(&fragment{}) {
			delete(t.owners, owner)
		}
	}
	clear(t.dirty)
	if tx.NumOperations() == 0 {
		return nil
	}
	err := t.nft.Run(ctx, tx)
	t.fresh = err == nil
	if err != nil {
		return fmt.Errorf("writing the nftables table %s %s: %w", t.family.table, TableName, err)
	}
	return nil
}

// writeAll replaces the table.
func (t *table) writeAll(tx *knftables.Transaction) {
	t.claims = map[element]map[string]string{}
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	t.writeBase(tx)
	all := map[string]*fragment{}
	for owner := range t.owners {
		all[owner] = &fragment{}
	}
	t.write(tx, all)
}

func (t *table) writeBase(tx *knftables.Transaction) {
	tx.Add(&knftables.Table{Comment: knftables.PtrTo("rules for Services")})
	sets, tables := t.baseSets()
	for _, set := range sets {
		tx.Add(set)
	}
	for _, m := range tables {
		tx.Add(m)
	}
	for _, c := range t.baseChains() {
		chain := &knftables.Chain{Name: c.name}
		if c.hook != "" {
			chain.Type, chain.Hook, chain.Priority = &c.kind, &c.hook, &c.priority
		}
		tx.Add(chain)
		for _, rule := range c.rules {
			tx.Add(&knftables.Rule{Chain: c.name, Rule: rule})
		}
	}
}

// write turns what changed of the owners' fragments into operations, in an order in which nothing is referred
// to before it exists or deleted while it is referred to.
func (t *table) write(tx *knftables.Transaction, before map[string]*fragment) {
	owners := keys(before)
	for _, owner := range owners {
		t.prepare(tx, before[owner], t.wants(owner))
	}
	for _, owner := range owners {
		t.fill(tx, before[owner], t.wants(owner))
	}
	t.writeElements(tx, owners, before)
	for _, owner := range owners {
		t.clean(tx, before[owner], t.wants(owner))
	}
}

// prepare makes what rules will refer to, and empties the chains that change or go.
func (t *table) prepare(tx *knftables.Transaction, old, now *fragment) {
	for _, set := range keys(now.sets) {
		if timeout := now.sets[set]; old.sets[set] == 0 {
			tx.Add(&knftables.Set{Name: set, Type: t.family.addr, Timeout: &timeout,
				Flags: []knftables.SetFlag{knftables.DynamicFlag, knftables.TimeoutFlag}})
		}
	}
	for _, chain := range keys(now.chains) {
		if !slices.Equal(old.chains[chain], now.chains[chain]) {
			tx.Add(&knftables.Chain{Name: chain})
			tx.Flush(&knftables.Chain{Name: chain})
		}
	}
	for _, chain := range keys(old.chains) {
		if now.chains[chain] == nil {
			tx.Flush(&knftables.Chain{Name: chain})
		}
	}
}

// fill writes the rules of the chains that change.
func (t *table) fill(tx *knftables.Transaction, old, now *fragment) {
	for _, chain := range keys(now.chains) {
		if slices.Equal(old.chains[chain], now.chains[chain]) {
			continue
		}
		for _, rule := range now.chains[chain] {
			tx.Add(&knftables.Rule{Chain: chain, Rule: rule})
		}
	}
}

// clean deletes what nothing refers to any more.
func (t *table) clean(tx *knftables.Transaction, old, now *fragment) {
	for _, chain := range keys(old.chains) {
		if now.chains[chain] == nil {
			tx.Delete(&knftables.Chain{Name: chain})
		}
	}
	for _, set := range keys(old.sets) {
		if now.sets[set] == 0 {
			tx.Delete(&knftables.Set{Name: set})
		}
	}
}

// writeElements updates the claims on elements, and writes those whose winner or value changed.
func (t *table) writeElements(tx *knftables.Transaction, names []string, before map[string]*fragment) {
	was := map[element]string{} // of each element that is touched; absent where there was none
	touch := func(e element) {
		if _, seen := was[e]; seen {
			return
		}
		if value, ok := t.winner(e); ok {
			was[e] = value
		} else {
			was[e] = absent
		}
	}
	for _, owner := range names {
		for e := range before[owner].elements {
			touch(e)
			delete(t.claims[e], owner)
		}
		for e, value := range t.wants(owner).elements {
			touch(e)
			if t.claims[e] == nil {
				t.claims[e] = map[string]string{}
			}
			t.claims[e][owner] = value
		}
	}
	touched := slices.SortedFunc(maps.Keys(was), func(a, b element) int { return strings.Compare(a.in+a.key, b.in+b.key) })
	for _, e := range touched {
		if value, ok := t.winner(e); was[e] != absent && (!ok || value != was[e]) {
			tx.Delete(t.nftElement(e, was[e]))
		}
	}
	for _, e := range touched {
		value, ok := t.winner(e)
		if ok && value != was[e] {
			tx.Add(t.nftElement(e, value))
		}
		if !ok {
			delete(t.claims, e)
		}
	}
}

// absent is no element's value.
const absent = "-"

// winner returns the value of the claim that counts.
func (t *table) winner(e element) (string, bool) {
	claims := t.claims[e]
	if len(claims) == 0 {
		return "", false
	}
	return claims[slices.Min(slices.Collect(maps.Keys(claims)))], true
}

func (t *table) nftElement(e element, value string) *knftables.Element {
	el := &knftables.Element{Key: strings.Split(e.key, " . ")}
	if e.in == clusterIPs || e.in == hairpin {
		el.Set = e.in
		return el
	}
	el.Map = e.in
	el.Value = strings.Split(value, " . ")
	return el
}

// intact tells whether the kernel still has our table: another program, or a person, may have
// flushed the ruleset.
func (t *table) intact(ctx context.Context) bool {
	chains, err := t.nft.List(ctx, "chain")
	return err == nil && slices.Contains(chains, servicesChain)
}

// remove deletes the table, if it is there.
func remove(ctx context.Context, nft knftables.Interface) error {
	tx := nft.NewTransaction()
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	return nft.Run(ctx, tx)
}

func (f *fragment) equal(g *fragment) bool {
	return maps.Equal(f.elements, g.elements) && maps.Equal(f.sets, g.sets) &&
		maps.EqualFunc(f.chains, g.chains, slices.Equal)
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
