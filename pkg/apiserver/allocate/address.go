package allocate

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

var errFull = errors.New("range is full")

// alreadyAllocatedIP is what a client learns that asks for an address in use.
const alreadyAllocatedIP = "provided IP is already allocated"

var clusterIPsPath = field.NewPath("spec", "clusterIPs")

// addressRange is the usable part of a service range: without the network
// address and, for IPv4, the broadcast address.
type addressRange struct {
	prefix netip.Prefix
	size   uint64 // how many addresses are usable, from offset 1 on
}

func newAddressRange(prefix netip.Prefix) (addressRange, error) {
	prefix = prefix.Masked()
	bits := prefix.Addr().BitLen() - prefix.Bits()
	if bits < 3 {
		return addressRange{}, fmt.Errorf("%s has too few addresses: want 8 at least", prefix)
	}
	// More than 2^62 addresses are as good as infinitely many.
	size := uint64(1)<<min(bits, 62) - 1
	if prefix.Addr().Is4() {
		size--
	}
	return addressRange{prefix: prefix, size: size}, nil
}

func (r addressRange) family() corev1.IPFamily {
	if r.prefix.Addr().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

// at returns the address at an offset; offset 1 is the first usable one.
func (r addressRange) at(offset uint64) netip.Addr {
	base := r.prefix.Addr().AsSlice()
	sum := new(big.Int).SetBytes(base)
	sum.Add(sum, new(big.Int).SetUint64(offset))
	ip, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, len(base))))
	return ip
}

// contains says whether ip may be given to a Service.
func (r addressRange) contains(ip netip.Addr) bool {
	return r.prefix.Contains(ip) && ip != r.prefix.Addr() && !r.at(r.size).Less(ip)
}

// reserved is how many of size lowest are left to people: a share of one in
// divisor, at least 16 and at most most; nothing of a small range.
func reserved(size, divisor, most uint64) uint64 {
	if size < 16 {
		return 0
	}
	return min(max(16, size/divisor), most)
}

// candidates yields all offsets below size, starting at random: first those
// from low up, then those below low.
func candidates(size, low uint64) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for _, band := range [][2]uint64{{low, size}, {0, low}} {
			width := band[1] - band[0]
			if width == 0 {
				continue
			}
			start := rand.Uint64N(width)
			for i := range width {
				if !yield(band[0] + (start+i)%width) {
					return
				}
			}
		}
	}
}

// choose returns a free address.
func (r addressRange) choose(ctx context.Context, c *storage.Collection) (netip.Addr, error) {
	for offset := range candidates(r.size, reserved(r.size, 16, 256)) {
		ip := r.at(offset + 1)
		ok, err := free(ctx, c, ip.String(), storage.Any)
		if ok || err != nil {
			return ip, err
		}
	}
	return netip.Addr{}, errFull
}

// chooseAddresses gives the Service an address of each of its families, and
// checks those that the client asked for. An update keeps what it has: it can
// only gain the second, or all when the Service had none.
func (s *Services) chooseAddresses(ctx context.Context, service, before *corev1.Service) error {
	spec, first := &service.Spec, 0
	if before != nil && before.Spec.Type != corev1.ServiceTypeExternalName {
		if len(before.Spec.IPFamilies) != 1 || len(spec.IPFamilies) != 2 || !hasClusterIP(before) {
			return nil
		}
		first = 1
	}
	if !hasClusterIP(service) || len(spec.ClusterIPs) < first {
		return nil
	}
	ips := make([]string, max(len(spec.IPFamilies), len(spec.ClusterIPs)))
	copy(ips, spec.ClusterIPs)
	asked := slices.Clone(ips)
	for i, family := range spec.IPFamilies[first:] {
		i += first
		ip, err := s.address(ctx, family, ips[i])
		if err == nil && service.Name == "" {
			err = fmt.Errorf("IPAddress.networking.k8s.io %q is invalid: spec.parentRef.name: Required value", ip)
		}
		switch {
		case errors.Is(err, errFull):
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a serviceIP for Service %q: %w", service.Name, err))
		case err != nil:
			problem := "failed to allocate IP"
			if ips[i] != "" {
				problem += " " + ips[i]
			}
			return invalid(service, field.Invalid(clusterIPsPath, asked, fmt.Sprintf("%s: %v", problem, err)))
		}
		ips[i] = ip.String()
	}
	spec.ClusterIPs, spec.ClusterIP = ips, ips[0]
	return nil
}

// address returns the one asked for, if it may be had, or a free one.
func (s *Services) address(ctx context.Context, family corev1.IPFamily, asked string) (netip.Addr, error) {
	r, _ := s.rangeOf(family)
	if asked == "" {
		return r.choose(ctx, s.addresses())
	}
	ip, err := netip.ParseAddr(asked)
	if err != nil {
		return ip, err
	}
	if !r.contains(ip) {
		return ip, fmt.Errorf("the provided network does not match the current range")
	}
	ok, err := free(ctx, s.addresses(), ip.String(), storage.Consistent)
	if err == nil && !ok {
		err = errors.New(alreadyAllocatedIP)
	}
	return ip, err
}

func (s *Services) rangeOf(family corev1.IPFamily) (addressRange, bool) {
	for _, r := range s.ranges {
		if r.family() == family {
			return r, true
		}
	}
	return addressRange{}, false
}

// newIPAddress is the object that holds ip for the Service, as upstream's
// allocator makes it (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/ip-address-v1/).
func newIPAddress(ip netip.Addr, service *corev1.Service) *networkingv1.IPAddress {
	family := corev1.IPv6Protocol
	if ip.Is4() {
		family = corev1.IPv4Protocol
	}
	a := &networkingv1.IPAddress{ObjectMeta: newMeta(ip.String())}
	a.Labels = map[string]string{
		networkingv1.LabelIPAddressFamily: string(family),
		networkingv1.LabelManagedBy:       "ipallocator.k8s.io",
	}
	a.Spec.ParentRef = &networkingv1.ParentReference{Resource: "services", Namespace: service.Namespace, Name: service.Name}
	return a
}

// holder returns the Service that an IPAddress or NodePort is held by.
func holder(obj api.Object) types.NamespacedName {
	switch obj := obj.(type) {
	case *networkingv1.IPAddress:
		if ref := obj.Spec.ParentRef; ref != nil && ref.Group == "" && ref.Resource == "services" {
			return types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
		}
	case *corev1.RangeAllocation:
		return types.NamespacedName{Namespace: obj.Annotations[namespaceAnnotation], Name: obj.Annotations[nameAnnotation]}
	}
	return types.NamespacedName{}
}

func newUID() types.UID { return types.UID(uuid.NewString()) }
