package proxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"

	"sigs.k8s.io/knftables"
)

// The switches of the kernel that the rules need.
const (
	forwardIPv4    = "/proc/sys/net/ipv4/ip_forward"
	forwardIPv6    = "/proc/sys/net/ipv6/conf/all/forwarding"
	routeLocalnet  = "/proc/sys/net/ipv4/conf/all/route_localnet"
	bridgeFilterV4 = "/proc/sys/net/bridge/bridge-nf-call-iptables"
	bridgeFilterV6 = "/proc/sys/net/bridge/bridge-nf-call-ip6tables"
)

// prepareKernel turns on forwarding, and the look at what crosses a bridge: the answer of a pod to one beside it goes over their bridge alone, and must have its
// address put back all the same.
func prepareKernel(ctx context.Context, tables []*table) error {
	for _, t := range tables {
		forwarding, bridge := forwardIPv4, bridgeFilterV4
		if t.family.table == knftables.IPv6Family {
			forwarding, bridge = forwardIPv6, bridgeFilterV6
		}
		if err := setSysctl(forwarding, "1"); err != nil {
			return fmt.Errorf("turning on %s: %w; the proxy must run as root", forwarding, err)
		}
		if err := bridgeFilter(ctx, bridge); err != nil {
			slog.Warn("Pods may not reach Services whose pod is on the same node; load the kernel module br_netfilter", "err", err)
		}
	}
	return nil
}

// bridgeFilter turns the switch on, and loads the module that has it if need be.
func bridgeFilter(ctx context.Context, path string) error {
	err := setSysctl(path, "1")
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if out, err := exec.CommandContext(ctx, "modprobe", "br_netfilter").CombinedOutput(); err != nil {
		return fmt.Errorf("modprobe br_netfilter: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return setSysctl(path, "1")
}

// setSysctl writes a switch that is not as wanted: where all are already, no right to write is
// needed.
func setSysctl(path, value string) error {
	now, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(now)) == value {
		return nil
	}
	return os.WriteFile(path, []byte(value), 0o644)
}

// Cleanup removes everything that a proxy leaves behind: the tables, the rules in another tool's chain, and
// route_localnet, which is safe only with our guard. Forwarding stays on; others may rely on it.
func Cleanup(ctx context.Context) error {
	var errs []error
	for _, f := range []family{ipv4, ipv6} {
		nft, err := knftables.New(f.table, TableName)
		if err != nil {
			return fmt.Errorf("nftables cannot be used: %w; install the package nftables and run as root", err)
		}
		chains, err := nft.List(ctx, "chain")
		if err != nil || len(chains) == 0 {
			continue
		}
		if f.table == knftables.IPv4Family {
			errs = append(errs, setSysctl(routeLocalnet, "0"))
		}
		errs = append(errs, remove(ctx, nft))
	}
	return errors.Join(append(errs, (&forward{}).remove(ctx))...)
}
