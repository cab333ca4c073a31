package wire

import (
	"bufio"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// Frames writes the events of one watch. It is used by one goroutine.
type Frames struct {
	kind    *Kind
	media   Media
	options *metav1.TableOptions
	answer  http.ResponseWriter
	out     *bufio.Writer // nil between flushes: most watches are idle most of the time
	columns bool          // the client has been sent the columns of its Table
}

// Frames starts the answer to a watch: the headers go out now, so that the
// client knows that it is watching.
func (k *Kind) Frames(w http.ResponseWriter, r *http.Request, media Media, options *metav1.TableOptions) (*Frames, error) {
	head(w, r, streamType(media.Type))
	w.WriteHeader(http.StatusOK)
	f := &Frames{kind: k, media: media, options: options, answer: w}
	return f, f.Flush()
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
	return f.write(event, parts)
}

// Error adds the ERROR frame of err. A watch ends after it.
func (f *Frames) Error(err error) error {
	parts, err := encode(f.media, StatusOf(err))
	if err != nil {
		return err
	}
	return f.write(watch.Error, parts)
}

// Flush sends what has been added.
func (f *Frames) Flush() error {
	if f.out != nil {
		err := f.out.Flush()
		f.out.Reset(nil)
		frameBuffers.Put(f.out)
		f.out = nil
		if err != nil {
			return err
		}
	}
	return http.NewResponseController(f.answer).Flush()
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

func (f *Frames) write(event watch.EventType, object Parts) error {
	if f.out == nil {
		f.out = frameBuffers.Get().(*bufio.Writer)
		f.out.Reset(f.answer)
	}
	switch f.media.Type {
	case runtime.ContentTypeProtobuf:
		return f.put(protoFrame(string(event), object))
	case runtime.ContentTypeCBOR:
		return f.put(cborFrame(string(event), object))
	}
	fmt.Fprintf(f.out, `{"type":%q,"object":`, event)
	if err := f.put(object); err != nil {
		return err
	}
	_, err := f.out.WriteString("}\n")
	return err
}

func (f *Frames) put(parts Parts) error {
	for _, part := range parts {
		if _, err := f.out.Write(part); err != nil {
			return err
		}
	}
	return nil
}
