package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sort"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/events"
)

func podsQuantity(n int) resource.Quantity {
	return *resource.NewQuantity(int64(n), resource.DecimalSI)
}

// object is the Node as it is registered.
func (m *Manager) object(ctx context.Context) *v1.Node {
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:   m.Name,
			Labels: m.labels(),
			Annotations: map[string]string{
				// Upstream's kubelets say so; attach/detach controllers look for it.
				"volumes.kubernetes.io/controller-managed-attach-detach": "true",
			},
		},
		Spec: v1.NodeSpec{Taints: m.Taints},
	}
	node.Status = m.status(ctx, node, metav1.Now().Rfc3339Copy())
	return node
}

// labels are those of every node and the person's own.
func (m *Manager) labels() map[string]string {
	labels := map[string]string{
		v1.LabelHostname:          m.Name,
		v1.LabelOSStable:          m.Facts.Info.OperatingSystem,
		v1.LabelArchStable:        m.Facts.Info.Architecture,
		"beta.kubernetes.io/os":   m.Facts.Info.OperatingSystem,
		"beta.kubernetes.io/arch": m.Facts.Info.Architecture,
	}
	maps.Copy(labels, m.Labels)
	return labels
}

// adopt brings a Node that is there already up to date: labels first, then status.
func (m *Manager) adopt(ctx context.Context, have, want *v1.Node) error {
	next := have.DeepCopy()
	if next.Labels == nil {
		next.Labels = map[string]string{}
	}
	if next.Annotations == nil {
		next.Annotations = map[string]string{}
	}
	maps.Copy(next.Labels, want.Labels)
	maps.Copy(next.Annotations, want.Annotations)
	if _, err := m.patch(ctx, have, next); err != nil {
		return fmt.Errorf("update node labels: %w", err)
	}
	return m.report(ctx, have)
}

// report writes the status if it changed or has not been written for long.
func (m *Manager) report(ctx context.Context, have *v1.Node) error {
	next := have.DeepCopy()
	next.Status = m.status(ctx, have, metav1.Now().Rfc3339Copy())
	m.mu.Lock()
	due := time.Since(m.reported) >= reportInterval
	m.mu.Unlock()
	if !due && sameStatus(&have.Status, &next.Status) {
		return nil
	}
	if _, err := m.patch(ctx, have, next, "status"); err != nil {
		return fmt.Errorf("update node status: %w", err)
	}
	m.noteReported(have, next)
	return nil
}

// patch writes the difference; nothing if there is none.
func (m *Manager) patch(ctx context.Context, have, next *v1.Node, subresource ...string) (*v1.Node, error) {
	from, err := json.Marshal(have)
	if err != nil {
		return nil, err
	}
	to, err := json.Marshal(next)
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(from, to, v1.Node{})
	if err != nil {
		return nil, err
	}
	if string(patch) == "{}" {
		return have, nil
	}
	ctx = cause.With(ctx, cause.Of(have, "nodes"))
	return m.Client.CoreV1().Nodes().Patch(ctx, m.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, subresource...)
}

// sameStatus compares all but heartbeat times.
func sameStatus(a, b *v1.NodeStatus) bool {
	strip := func(s *v1.NodeStatus) *v1.NodeStatus {
		s = s.DeepCopy()
		for i := range s.Conditions {
			s.Conditions[i].LastHeartbeatTime = metav1.Time{}
		}
		return s
	}
	from, err := json.Marshal(strip(a))
	if err != nil {
		return false
	}
	to, err := json.Marshal(strip(b))
	return err == nil && bytes.Equal(from, to)
}

// noteReported remembers that the status was written, and records an event if
// it made the node ready or not. before is nil for a node that was registered.
func (m *Manager) noteReported(before, now *v1.Node) {
	m.mu.Lock()
	m.reported = time.Now()
	m.mu.Unlock()
	switch was, is := ready(before), ready(now); {
	case is && !was:
		m.event(now, v1.EventTypeNormal, events.NodeReady)
	case was && !is:
		m.event(now, v1.EventTypeNormal, events.NodeNotReady)
	}
}

func ready(node *v1.Node) bool {
	if node == nil {
		return false
	}
	for _, c := range node.Status.Conditions {
		if c.Type == v1.NodeReady {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

func (m *Manager) event(node *v1.Node, kind, reason string) {
	ref := m.ref()
	ref.UID = node.UID
	m.Recorder.Eventf(ref, kind, reason, "Node %s status is now: %s", m.Name, reason)
}

func (m *Manager) ref() *v1.ObjectReference {
	return &v1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: m.Name}
}

// recordStart says that the kubelet has started.
func (m *Manager) recordStart() {
	m.Recorder.Event(m.ref(), v1.EventTypeNormal, events.Starting, "Starting kubelet.")
	if m.CgroupV1 {
		m.Recorder.Event(m.ref(), v1.EventTypeWarning, "CgroupV1", "cgroup v1 detected. cgroup v1 support is deprecated and will be removed in a future release. "+
			"Please migrate to cgroup v2. More information at https://git.k8s.io/enhancements/keps/sig-node/5573-remove-cgroup-v1")
	}
	for _, reason := range []string{events.NodeHasSufficientMemory, events.NodeHasNoDiskPressure, events.NodeHasSufficientPID} {
		m.Recorder.Eventf(m.ref(), v1.EventTypeNormal, reason, "Node %s status is now: %s", m.Name, reason)
	}
	m.Recorder.Event(m.ref(), v1.EventTypeNormal, events.NodeAllocatableEnforced, "Updated Node Allocatable limit across pods")
}

// status is what the Node's status should be. Conditions and fields of others
// in have are kept.
func (m *Manager) status(ctx context.Context, have *v1.Node, now metav1.Time) v1.NodeStatus {
	s := *have.Status.DeepCopy()
	s.Capacity, s.Allocatable = m.Capacity(), m.Allocatable()
	s.Addresses = nil
	for _, ip := range m.Addresses {
		s.Addresses = append(s.Addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: ip.String()})
	}
	s.Addresses = append(s.Addresses, v1.NodeAddress{Type: v1.NodeHostName, Address: m.Name})
	s.DaemonEndpoints.KubeletEndpoint.Port = m.Port
	s.NodeInfo = m.Facts.Info
	m.mu.Lock()
	s.NodeInfo.ContainerRuntimeVersion = m.version
	s.NodeInfo.KubeletVersion = m.Version
	s.RuntimeHandlers = m.handlers
	runtimeErr, networkErr := m.runtimeErr, m.networkErr
	m.mu.Unlock()
	if images, err := m.images(ctx); err == nil {
		s.Images = images
	}
	var p Pressures
	if m.Pressures != nil {
		p = m.Pressures()
	}
	for _, c := range append(p.conditions(), readyCondition(runtimeErr, networkErr)) {
		setCondition(&s, c, now)
	}
	return s
}

// setCondition puts a condition in its place, keeping the time of the last
// transition if there was none.
func setCondition(s *v1.NodeStatus, c v1.NodeCondition, now metav1.Time) {
	c.LastHeartbeatTime, c.LastTransitionTime = now, now
	for i := range s.Conditions {
		if s.Conditions[i].Type != c.Type {
			continue
		}
		if s.Conditions[i].Status == c.Status {
			c.LastTransitionTime = s.Conditions[i].LastTransitionTime
		}
		s.Conditions[i] = c
		return
	}
	s.Conditions = append(s.Conditions, c)
}

func readyCondition(runtimeErr, networkErr error) v1.NodeCondition {
	c := v1.NodeCondition{Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"}
	err := runtimeErr
	if err == nil {
		err = networkErr
	}
	if err != nil {
		c.Status, c.Reason, c.Message = v1.ConditionFalse, "KubeletNotReady", err.Error()
	}
	return c
}

// maxImages is how many images a Node shows, and maxNames how many names of each.
const (
	maxImages = 50
	maxNames  = 5
)

// images are the largest.
func (m *Manager) images(ctx context.Context) ([]v1.ContainerImage, error) {
	list, err := m.Runtime.ListImages(ctx, &runtimeapi.ListImagesRequest{})
	if err != nil {
		return nil, err
	}
	var images []v1.ContainerImage
	for _, i := range list.Images {
		names := append(append([]string(nil), i.RepoDigests...), i.RepoTags...)
		sort.Strings(names)
		images = append(images, v1.ContainerImage{Names: names[:min(len(names), maxNames)], SizeBytes: int64(i.GetSize())})
	}
	sort.SliceStable(images, func(i, j int) bool {
		a, b := images[i], images[j]
		if a.SizeBytes != b.SizeBytes {
			return a.SizeBytes > b.SizeBytes
		}
		return fmt.Sprint(a.Names) < fmt.Sprint(b.Names)
	})
	return images[:min(len(images), maxImages)], nil
}

// checkRuntime asks the runtime how it is.
func (m *Manager) checkRuntime(ctx context.Context) {
	runtimeErr, networkErr := m.askRuntime(ctx)
	m.mu.Lock()
	m.runtimeErr, m.networkErr = runtimeErr, networkErr
	m.mu.Unlock()
	if runtimeErr != nil {
		networkErr = runtimeErr
	}
	m.NetworkReady(networkErr)
}

func (m *Manager) askRuntime(ctx context.Context) (runtimeErr, networkErr error) {
	st, err := m.Runtime.Status(ctx, &runtimeapi.StatusRequest{})
	if err != nil {
		err = fmt.Errorf("container runtime is down: %s", cri.Message(err))
		return err, err
	}
	version, err := m.Runtime.Version(ctx, &runtimeapi.VersionRequest{})
	if err == nil {
		m.mu.Lock()
		m.version = version.RuntimeName + "://" + version.RuntimeVersion
		m.handlers = runtimeHandlers(st)
		m.mu.Unlock()
	}
	for _, c := range st.GetStatus().GetConditions() {
		if c.Status {
			continue
		}
		text := fmt.Errorf("%s=false reason:%s message:%s", c.Type, c.Reason, c.Message)
		switch c.Type {
		case runtimeapi.NetworkReady:
			networkErr = fmt.Errorf("container runtime network not ready: %w", text)
		case runtimeapi.RuntimeReady:
			runtimeErr = fmt.Errorf("container runtime not ready: %w", text)
		}
	}
	return runtimeErr, networkErr
}

func runtimeHandlers(st *runtimeapi.StatusResponse) []v1.NodeRuntimeHandler {
	var list []v1.NodeRuntimeHandler
	for _, h := range st.GetRuntimeHandlers() {
		entry := v1.NodeRuntimeHandler{Name: h.Name}
		if f := h.Features; f != nil {
			rro, userns := f.RecursiveReadOnlyMounts, f.UserNamespaces
			entry.Features = &v1.NodeRuntimeHandlerFeatures{RecursiveReadOnlyMounts: &rro, UserNamespaces: &userns}
		}
		list = append(list, entry)
	}
	return list
}
