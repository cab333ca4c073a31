package proxy

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"k8s.io/apimachinery/pkg/types"
)

// state is what the watches have told, and what of it the tables have not been told. It is not safe for
// concurrent use.
type state struct {
	tables   []*table // one a family
	services map[types.NamespacedName]*v1.Service
	slices   map[types.NamespacedName]map[string]*discoveryv1.EndpointSlice // by Service, then by name
	ranges   map[string][]string                                            // that cluster IPs are given from, by the name of their ServiceCIDR

	// changed are the Services of which, or of whose endpoints, something changed since update.
	changed map[types.NamespacedName]bool
	// owners are the ports that a Service had at its last update, by the names of their fragments.
	owners map[types.NamespacedName][]string
	// triggers are when the changes of endpoints were made, as far as the slices say.
	triggers []time.Time
	// udp are the UDP ports that changed and whose connections may lead nowhere now.
	udp []udpPort
}

func newState(tables []*table) *state {
	return &state{
		tables:   tables,
		services: map[types.NamespacedName]*v1.Service{},
		slices:   map[types.NamespacedName]map[string]*discoveryv1.EndpointSlice{},
		ranges:   map[string][]string{},
		changed:  map[types.NamespacedName]bool{},
		owners:   map[types.NamespacedName][]string{},
	}
}

func (s *state) setService(svc *v1.Service) {
	key := types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}
	s.services[key] = svc
	s.changed[key] = true
}

func (s *state) removeService(svc *v1.Service) {
	key := types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}
	delete(s.services, key)
	s.changed[key] = true
}

func (s *state) setSlice(slice *discoveryv1.EndpointSlice) {
	key := serviceOf(slice)
	if s.slices[key] == nil {
		s.slices[key] = map[string]*discoveryv1.EndpointSlice{}
	}
	s.slices[key][slice.Name] = slice
	s.changed[key] = true
	if at, err := time.Parse(time.RFC3339Nano, slice.Annotations[v1.EndpointsLastChangeTriggerTime]); err == nil {
		s.triggers = append(s.triggers, at)
	}
}

func (s *state) removeSlice(slice *discoveryv1.EndpointSlice) {
	key := serviceOf(slice)
	delete(s.slices[key], slice.Name)
	if len(s.slices[key]) == 0 {
		delete(s.slices, key)
	}
	s.changed[key] = true
}

func serviceOf(slice *discoveryv1.EndpointSlice) types.NamespacedName {
	return types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
}

func (s *state) setPod(pod *v1.Pod) {
	for _, t := range s.tables {
		t.set(podOwner(pod), t.podFragment(pod))
	}
}

func (s *state) removePod(pod *v1.Pod) {
	for _, t := range s.tables {
		t.set(podOwner(pod), nil)
	}
}

func (s *state) setRange(r *networkingv1.ServiceCIDR) {
	s.ranges[r.Name] = r.Spec.CIDRs
	s.updateRanges()
}

func (s *state) removeRange(r *networkingv1.ServiceCIDR) {
	delete(s.ranges, r.Name)
	s.updateRanges()
}

func (s *state) updateRanges() {
	for _, t := range s.tables {
		t.set("~ranges", t.rangesFragment(s.ranges))
	}
}

// podOwner sorts behind every Service: where both want a port of the node, the Service has it.
func podOwner(pod *v1.Pod) string {
	return fmt.Sprintf("~pod/%s/%s/%s", pod.Namespace, pod.Name, pod.UID)
}

// update tells the tables what the changed Services want now.
func (s *state) update() {
	for key := range s.changed {
		var owners []string
		if svc := s.services[key]; svc != nil {
			owners = s.updateService(key, svc)
		}
		for _, owner := range s.owners[key] {
			if !slices.Contains(owners, owner) {
				for _, t := range s.tables {
					t.set(owner, nil)
				}
			}
		}
		if owners == nil {
			delete(s.owners, key)
		} else {
			s.owners[key] = owners
		}
	}
	clear(s.changed)
}

func (s *state) updateService(key types.NamespacedName, svc *v1.Service) (owners []string) {
	var list []*discoveryv1.EndpointSlice
	for _, name := range keys(s.slices[key]) {
		list = append(list, s.slices[key][name])
	}
	for _, t := range s.tables {
		ports, refused := t.servicePorts(svc, list)
		if len(refused) > 0 {
			slog.Warn("External addresses of a Service are not allowed and are left out; --slowmo-external-ips allows ranges",
				"service", key, "addresses", refused)
		}
		for i := range ports {
			t.set(ports[i].name, t.portFragment(&ports[i]))
			owners = append(owners, ports[i].name)
			if ports[i].protocol == "udp" {
				s.udp = append(s.udp, t.udpPort(&ports[i]))
			}
		}
	}
	return owners
}
