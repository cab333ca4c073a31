package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	gnftables "github.com/google/nftables"
	"sigs.k8s.io/knftables"
)

// forward lets pod traffic through where another tool drops all that is forwarded, as Docker does. A
// packet is dropped if any table drops it, so an accept in a table of ours would not help: two
// rules have to stand in the other's chain. They speak of the pods' ranges alone, so the host opens for
// nothing else.
type forward struct {
	pods []netip.Prefix
	// sure is true while the other tool's chains are believed to be as ensure left them.
	sure bool
}

// The tables of iptables, and Docker's chain for rules of others, which it never touches.
const (
	othersTable  = "filter"
	othersChain  = "FORWARD"
	chainForUser = "DOCKER-USER"
)

// ruleMark is the comment by which our rules in a chain of others are found again.
const ruleMark = "kube-proxy: pods"

// doubt makes the next ensure look.
func (f *forward) doubt() { f.sure = false }

// ensure puts the rules where they are needed and are not. A failure is logged: what does not cross
// the node works all the same.
func (f *forward) ensure(ctx context.Context) {
	if f.sure || len(f.pods) == 0 {
		return
	}
	f.sure = true
	for _, family := range []family{ipv4, ipv6} {
		if err := f.ensureIn(ctx, family); err != nil && ctx.Err() == nil {
			slog.Warn("Another program drops forwarded packets, and pod traffic could not be let through", "family", family.table, "err", err)
			f.sure = false
		}
	}
}

func (f *forward) ensureIn(ctx context.Context, family family) error {
	chain, err := droppingChain(family)
	if chain == "" || err != nil {
		return err
	}
	nft, err := knftables.New(family.table, othersTable)
	if err != nil {
		return err
	}
	present, err := ownRules(ctx, nft, chain)
	if err != nil || len(present) > 0 {
		return err
	}
	tx := nft.NewTransaction()
	for _, p := range f.pods {
		if !family.hasPrefix(p) {
			continue
		}
		for _, side := range []string{"saddr", "daddr"} {
			tx.Insert(&knftables.Rule{Chain: chain, Rule: fmt.Sprintf("%s %s %s counter accept", family.table, side, p), Comment: knftables.PtrTo(ruleMark)})
		}
	}
	if tx.NumOperations() == 0 {
		return nil
	}
	slog.Info("Another program drops forwarded packets; letting those of pods through", "table", othersTable, "chain", chain)
	return nft.Run(ctx, tx)
}

// remove takes the rules out again.
func (f *forward) remove(ctx context.Context) error {
	var errs []error
	for _, family := range []family{ipv4, ipv6} {
		nft, err := knftables.New(family.table, othersTable)
		if err != nil {
			return err
		}
		for _, chain := range []string{chainForUser, othersChain} {
			rules, err := ownRules(ctx, nft, chain)
			if knftables.IsNotFound(err) || err == nil && len(rules) == 0 {
				continue
			}
			tx := nft.NewTransaction()
			for _, r := range rules {
				tx.Delete(&knftables.Rule{Chain: chain, Handle: r.Handle})
			}
			errs = append(errs, err, nft.Run(ctx, tx))
		}
	}
	return errors.Join(errs...)
}

func ownRules(ctx context.Context, nft knftables.Interface, chain string) ([]*knftables.Rule, error) {
	rules, err := nft.ListRules(ctx, chain)
	return slices.DeleteFunc(rules, func(r *knftables.Rule) bool { return r.Comment == nil || *r.Comment != ruleMark }), err
}

// droppingChain returns the chain in which our rules belong: "" when iptables' FORWARD chain does not
// exist or lets packets pass.
func droppingChain(family family) (string, error) {
	conn, err := gnftables.New()
	if err != nil {
		return "", err
	}
	kind := gnftables.TableFamilyIPv4
	if family.table == knftables.IPv6Family {
		kind = gnftables.TableFamilyIPv6
	}
	chains, err := conn.ListChainsOfTableFamily(kind)
	if err != nil {
		return "", err
	}
	has := func(name string, ok func(*gnftables.Chain) bool) bool {
		return slices.ContainsFunc(chains, func(c *gnftables.Chain) bool { return c.Table.Name == othersTable && c.Name == name && ok(c) })
	}
	switch {
	case !has(othersChain, func(c *gnftables.Chain) bool { return c.Policy != nil && *c.Policy == gnftables.ChainPolicyDrop }):
		return "", nil
	case has(chainForUser, func(*gnftables.Chain) bool { return true }):
		return chainForUser, nil
	}
	return othersChain, nil
}
