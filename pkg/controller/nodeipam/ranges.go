package nodeipam

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
)

// errFull says that no range is left.
var errFull = errors.New("the cluster CIDR is used up; use a larger --cluster-cidr or a larger --node-cidr-mask-size")

// ranges cuts a prefix into equal ones and keeps book of those in use. It is not
// safe for concurrent use.
type ranges struct {
	within netip.Prefix
	bits   int // of each range
	used   map[netip.Prefix]bool
}

// newRanges cuts cidr into ranges with that many bits of mask. Of IPv6 the ranges
// have 64 at least, as upstream's.
func newRanges(cidr string, maskV4 int) (*ranges, error) {
	within, err := netip.ParsePrefix(cidr)
	if err != nil {
		return nil, fmt.Errorf("%q is no CIDR", cidr)
	}
	within = within.Masked()
	size := maskV4
	if within.Addr().Is6() {
		size = 64
	}
	if size < within.Bits() || size > within.Addr().BitLen() {
		return nil, fmt.Errorf("ranges of /%d do not fit into %s", size, within)
	}
	return &ranges{within: within, bits: size, used: map[netip.Prefix]bool{}}, nil
}

// take marks a range as used and says whether it was free. One that is not of
// these ranges is not an error: a node may have come with its own.
func (r *ranges) take(p netip.Prefix) bool {
	if r.used[p] {
		return false
	}
	r.used[p] = true
	return true
}

func (r *ranges) release(p netip.Prefix) { delete(r.used, p) }

// next takes the lowest free range.
func (r *ranges) next() (netip.Prefix, error) {
	count := 1 << min(r.bits-r.within.Bits(), bits.UintSize-2)
	for i := range count {
		if p := r.at(i); !r.used[p] {
			r.used[p] = true
			return p, nil
		}
	}
	return netip.Prefix{}, errFull
}

// at is the i-th range.
func (r *ranges) at(i int) netip.Prefix {
	addr := r.within.Addr().AsSlice()
	// Add i shifted by the bits that are left to the range.
	for at, rest := 8*len(addr)-r.bits, uint64(i); rest > 0; {
		index := len(addr) - 1 - at/8
		sum := uint64(addr[index]) + rest<<(at%8)&0xff
		addr[index] = byte(sum)
		rest = rest >> (8 - at%8)
		at += 8 - at%8
	}
	out, _ := netip.AddrFromSlice(addr)
	return netip.PrefixFrom(out, r.bits)
}
