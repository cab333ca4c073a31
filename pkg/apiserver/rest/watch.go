package rest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// shortestWatch is how long a watch lasts at least when the client does not
// say; up to twice as long, so that many do not come back at once.
const shortestWatch = 30 * time.Minute

// watch sends the changes of all objects that match until the client goes, its
// time is over or it has fallen too far behind. Once it has begun, errors are
// events.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
func (c *call) watch() error {
	if !slices.Contains(c.verbs(), "watch") {
		return apierrors.NewMethodNotSupported(c.resource.GroupResource(), "watch")
	}
	media, tables, err := c.negotiate(wire.Streams)
	if err != nil {
		return err
	}
	options, err := c.listOptions()
	if err != nil {
		return err
	}
	query, err := c.watchOptions(options)
	if err != nil {
		return err
	}
	watcher, err := c.collection.Watch(c.ctx, query)
	var future *storage.FutureError
	if err != nil && !errors.Is(err, storage.ErrExpired) && !(query.InitialEvents && errors.As(err, &future)) {
		return err
	}
	frames, failed := c.kind.Frames(c.w, c.r, media, tables)
	if failed != nil {
		return nil // the client is gone
	}
	if err != nil {
		return c.endWatch(frames, options, err)
	}
	defer watcher.Close()
	defer c.span("WatchServer.HandleHTTP").End()
	sent := watchEvents.WithLabelValues(c.kind.GVK.Group, c.kind.GVK.Version, c.resource.Plural)
	gone := false
	err = watcher.Follow(func(events []storage.Event, wait bool) error {
		err := c.sendEvents(frames, events, wait)
		gone = err != nil && !errors.Is(err, storage.ErrBusy)
		sent.Add(float64(len(events)))
		return err
	})
	if gone {
		return nil // a client that is gone needs no answer
	}
	return c.endWatch(frames, options, err)
}

// frameBatch is how many bytes of a watch are collected before they are sent, if
// there are more events to come.
const frameBatch = 64 << 10

// sendEvents sends events, or fails with ErrBusy if it may not wait and would have to.
func (c *call) sendEvents(frames *wire.Frames, events []storage.Event, wait bool) error {
	for _, event := range events {
		if err := c.sendEvent(frames, event); err != nil {
			return err
		}
		if wait && frames.Waiting() > frameBatch {
			if err := frames.Flush(); err != nil {
				return err
			}
		}
	}
	if wait {
		return frames.Flush()
	}
	if !frames.TryFlush() {
		return storage.ErrBusy
	}
	return nil
}

func watchTime(options *internalversion.ListOptions) time.Duration {
	if options.TimeoutSeconds != nil && *options.TimeoutSeconds > 0 {
		return time.Duration(*options.TimeoutSeconds) * time.Second
	}
	return shortestWatch + rand.N(shortestWatch)
}

// watchOptions says where a watch begins. Without a resourceVersion it begins
// with all there is, with "0" with all that is cached, except when the client
// wants none of it.
func (c *call) watchOptions(options *internalversion.ListOptions) (query storage.WatchOptions, err error) {
	query = storage.WatchOptions{Namespace: c.namespace, Predicate: predicate(options), Bookmarks: options.AllowWatchBookmarks,
		Until: time.Now().Add(watchTime(options)), Stop: c.Draining}
	query.Revision, err = revision(options.ResourceVersion, storage.Consistent)
	if options.SendInitialEvents != nil {
		query.InitialEvents, query.OnlyChanges = *options.SendInitialEvents, !*options.SendInitialEvents
	}
	return query, err
}

// sendEvent writes one event. A bookmark is an empty object with nothing but a
// resourceVersion.
func (c *call) sendEvent(frames *wire.Frames, event storage.Event) error {
	if event.Type != watch.Bookmark {
		return frames.Event(event.Type, event.Record)
	}
	obj := c.resource.New()
	obj.GetObjectKind().SetGroupVersionKind(c.resource.GroupVersionKind())
	obj.SetResourceVersion(wire.ResourceVersion(event.Revision))
	if event.InitialEventsEnd {
		obj.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	}
	return frames.Event(event.Type, wire.Fresh{Object: obj})
}

// endWatch tells the client why its watch is over, unless its time is.
func (c *call) endWatch(frames *wire.Frames, options *internalversion.ListOptions, err error) error {
	var old *storage.TooOldError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.As(err, &old):
		err = apierrors.NewResourceExpired(old.Error())
	case errors.Is(err, storage.ErrExpired): // it fell behind: what it has seen is too old by now
		err = apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %s (%d)", options.ResourceVersion, c.Store.Revision()))
	default:
		err = c.apiError(err)
	}
	if frames.Error(err) == nil {
		// A client that is gone needs no answer.
		_ = frames.Flush()
	}
	return nil
}
