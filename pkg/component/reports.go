package component

import (
	"context"
	"fmt"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
)

// Reports records events in the newer form, events.k8s.io/v1 with eventTime and
// action, in which upstream's scheduler and proxy write theirs. Repeated ones become
// a series. One serves a whole process; a Recorder is one source of them.
type Reports struct{ broadcaster events.EventBroadcaster }

// NewReports writes through client until ctx ends or Shutdown is called.
func NewReports(ctx context.Context, client kubernetes.Interface) (*Reports, error) {
	sink := reportSink{events.EventSinkImpl{Interface: client.EventsV1()}}
	broadcaster := events.NewBroadcaster(&sink)
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return nil, fmt.Errorf("recording events: %w", err)
	}
	return &Reports{broadcaster}, nil
}

// Recorder records as component ("default-scheduler") of this host.
func (r *Reports) Recorder(component string) events.EventRecorder {
	return r.broadcaster.NewRecorder(scheme.Scheme, component)
}

// Shutdown ends the recording.
func (r *Reports) Shutdown() { r.broadcaster.Shutdown() }

// reportSink writes each event with its object as the cause.
type reportSink struct{ events.EventSinkImpl }

func (s *reportSink) Create(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	leisurely(ctx, event.EventTime.Time)
	return s.EventSinkImpl.Create(causedBy(ctx, event.Regarding), event)
}

func (s *reportSink) Update(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	return s.EventSinkImpl.Update(causedBy(ctx, event.Regarding), event)
}

func (s *reportSink) Patch(ctx context.Context, event *eventsv1.Event, data []byte) (*eventsv1.Event, error) {
	leisurely(ctx, event.Series.LastObservedTime.Time) // after what it patches
	return s.EventSinkImpl.Patch(causedBy(ctx, event.Regarding), event, data)
}
