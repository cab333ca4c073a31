package component

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"slowmo/pkg/component/cause"
)

// Events records v1 Events about objects, aggregated as client-go does. One
// serves a whole process; a Recorder is one source of them.
type Events struct {
	broadcaster record.EventBroadcaster
	hurry       context.CancelFunc // ends the waiting of what is queued
}

// leisure is how old an event is when it is written. Nothing waits for events, and
// what they tell of, a pod that starts, is over sooner if they are not in its way.
const leisure = 250 * time.Millisecond

// leisurely waits until what happened at that time is old enough, or ctx ends.
func leisurely(ctx context.Context, happened time.Time) {
	timer := time.NewTimer(time.Until(happened.Add(leisure)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// NewEvents writes through client until Shutdown.
func NewEvents(ctx context.Context, client kubernetes.Interface) *Events {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	waiting, hurry := context.WithCancel(ctx)
	broadcaster.StartRecordingToSink(eventSink{client.CoreV1(), waiting})
	return &Events{broadcaster, hurry}
}

// Recorder records as component ("kubelet", "deployment-controller"); host is
// the node's name or empty.
func (e *Events) Recorder(component, host string) record.EventRecorder {
	return e.broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component, Host: host})
}

// Shutdown sends what is queued and ends.
func (e *Events) Shutdown() {
	e.hurry()
	e.broadcaster.Shutdown()
}

// eventSink writes each event with its object as the cause: an event says what
// happened to that revision.
type eventSink struct {
	client  typedcorev1.EventsGetter
	waiting context.Context // its end leaves no time for leisure
}

func caused(event *corev1.Event) context.Context {
	return causedBy(context.Background(), event.InvolvedObject)
}

func causedBy(ctx context.Context, ref corev1.ObjectReference) context.Context {
	if ref.ResourceVersion == "" {
		return ctx
	}
	plural, _ := meta.UnsafeGuessKindToResource(ref.GroupVersionKind())
	return cause.With(ctx, cause.Ref{Resource: plural.GroupResource().String(),
		Namespace: ref.Namespace, Name: ref.Name, ResourceVersion: ref.ResourceVersion})
}

func (s eventSink) Create(event *corev1.Event) (*corev1.Event, error) {
	leisurely(s.waiting, event.LastTimestamp.Time)
	return s.client.Events(event.Namespace).CreateWithEventNamespaceWithContext(caused(event), event)
}

func (s eventSink) Update(event *corev1.Event) (*corev1.Event, error) {
	return s.client.Events(event.Namespace).UpdateWithEventNamespaceWithContext(caused(event), event)
}

func (s eventSink) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	leisurely(s.waiting, event.LastTimestamp.Time)
	return s.client.Events(event.Namespace).PatchWithEventNamespaceWithContext(caused(event), event, data)
}
