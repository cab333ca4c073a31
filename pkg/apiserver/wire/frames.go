package wire

import (
	"fmt"
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// Frames writes the events of one watch. It is used by one goroutine at a time.
type Frames struct {
	kind    *Kind
	media   Media
	options *metav1.TableOptions
	answer  http.ResponseWriter
	flush   func() error
	try     func([]byte) bool // nil: a write may always have to wait
	columns bool              // the client has been sent the columns of its Table
	out     []byte            // not sent yet; nil between flushes: most watches are idle most of the time
}

// frameBuffer is how much room events have at first.
const frameBuffer = 16 << 10

var frameBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, frameBuffer)) }}

// Frames starts the answer to a watch: the headers go out now, so that the
// client knows that it is watching.
func (k *Kind) Frames(w http.ResponseWriter, r *http.Request, media Media, options *metav1.TableOptions) (*Frames, error) {
	head(w, r, streamType(media.Type))
	w.WriteHeader(http.StatusOK)
	f := &Frames{kind: k, media: media, options: options, answer: w, flush: http.NewResponseController(w).Flush}
	f.try = tryWrite(w)
	return f, f.Flush()
}

// tryWrite returns what sends without waiting, or not at all, if there is such a thing.
func tryWrite(w http.ResponseWriter) func([]byte) bool {
	for {
		switch below := w.(type) {
		case interface{ TryWrite(p []byte) bool }:
			return below.TryWrite
		case interface{ Unwrap() http.ResponseWriter }:
			w = below.Unwrap()
		default:
			return nil
		}
	}
}

// streamType is the content type of a stream of objects of a media type.
func streamType(mediaType string) string {
	switch mediaType {
	case runtime.ContentTypeJSON:
		return mediaType
	case runtime.ContentTypeCBOR:
		return runtime.ContentTypeCBORSequence
	}
	return mediaType + ";stream=watch"
}

// Event adds the frame of one event about an object.
func (f *Frames) Event(event watch.EventType, object Source) error {
	parts, err := f.object(object)
	if err != nil {
		return err
	}
	f.write(event, parts)
	return nil
}

// Error adds the ERROR frame of err. A watch ends after it.
func (f *Frames) Error(err error) error {
	parts, err := encode(f.media, StatusOf(err))
	if err != nil {
		return err
	}
	f.write(watch.Error, parts)
	return nil
}

// Waiting is how many bytes have been added since the last flush.
func (f *Frames) Waiting() int { return len(f.out) }

// Flush sends what has been added.
func (f *Frames) Flush() error {
	if f.out != nil {
		_, err := f.answer.Write(f.out)
		f.recycle()
		if err != nil {
			return err
		}
	}
	return f.flush()
}

// TryFlush is Flush if that does not have to wait; else it returns false, and
// nothing has been sent.
func (f *Frames) TryFlush() bool {
	if f.out == nil {
		return true
	}
	if f.try == nil || !f.try(f.out) {
		return false
	}
	f.recycle()
	return true
}

func (f *Frames) recycle() {
	if buffer := f.out; cap(buffer) <= 2*frameBuffer {
		frameBuffers.Put(&buffer)
	}
	f.out = nil
}

func (f *Frames) object(from Source) (Parts, error) {
	if f.media.As.Kind != "Table" {
		return f.kind.shape(f.media).object(f.media, from)
	}
	// Columns come once: the first event of a stream carries them for all.
	options := *f.options
	options.NoHeaders = f.columns
	f.columns = true
	return f.kind.table(f.media, []Source{from}, metav1.ListMeta{}, &options)
}

func (f *Frames) write(event watch.EventType, object Parts) {
	if f.out == nil {
		f.out = (*frameBuffers.Get().(*[]byte))[:0]
	}
	switch f.media.Type {
	case runtime.ContentTypeProtobuf:
		f.put(protoFrame(string(event), object))
	case runtime.ContentTypeCBOR:
		f.put(cborFrame(string(event), object))
	default:
		f.out = append(f.out, jsonPrefixes[event]...)
		f.put(object)
		f.out = append(f.out, "}\n"...)
	}
}

func (f *Frames) put(parts Parts) {
	for _, part := range parts {
		f.out = append(f.out, part...)
	}
}

// jsonPrefixes is how the frame of an event begins in JSON.
var jsonPrefixes = func() map[watch.EventType]string {
	prefixes := map[watch.EventType]string{}
	for _, event := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted, watch.Bookmark, watch.Error} {
		prefixes[event] = fmt.Sprintf(`{"type":%q,"object":`, event)
	}
	return prefixes
}()
