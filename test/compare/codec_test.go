package compare

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	cborserializer "k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	cbor "k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/yaml"
)

// known are the types that are sent and shown as protobuf.
var (
	known  = runtime.NewScheme()
	codecs = serializer.NewCodecFactory(known)
)

func init() {
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, metav1.AddMetaToScheme, apiregistrationv1.AddToScheme, apiextensionsv1.AddToScheme} {
		utilruntime.Must(add(known))
	}
}

// encodeAs writes an object as protobuf or CBOR.
func encodeAs(mediaType string, object runtime.Object) ([]byte, error) {
	if mediaType == mediaTypes["cbor"] {
		return runtime.Encode(cborserializer.NewSerializer(known, known), object)
	}
	return runtime.Encode(protobuf.NewSerializer(known, known), object)
}

// read returns the body of an answer, or of a watch its first frames.
func read(resp *http.Response, frames int) ([]byte, error) {
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unpacked
	}
	if frames == 0 || resp.StatusCode != http.StatusOK {
		return io.ReadAll(body)
	}
	var all []byte
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	for from := bufio.NewReader(body); frames > 0; frames-- {
		frame, err := readFrame(from, mediaType)
		if all = append(all, frame...); err != nil {
			return all, err
		}
	}
	return all, nil
}

// readFrame reads an event as it stands in the stream.
func readFrame(from *bufio.Reader, mediaType string) ([]byte, error) {
	if mediaType != mediaTypes["protobuf"] {
		return from.ReadBytes('\n')
	}
	head, err := from.Peek(4)
	if err != nil {
		return nil, err
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(head))
	_, err = io.ReadFull(from, frame)
	return frame, err
}

// decode makes plain values of a body, to be compared field by field. A body that it
// knows nothing of is one text.
func decode(contentType string, body []byte) any {
	mediaType, params, _ := mime.ParseMediaType(contentType)
	var value any
	switch {
	case len(body) == 0:
		return nil
	case mediaType == "application/json":
		value = decodeJSON(body)
	case mediaType == "application/yaml":
		if yaml.Unmarshal(body, &value) != nil {
			value = nil
		}
	case mediaType == "application/cbor":
		if cbor.Unmarshal(body, &value) != nil {
			value = nil
		}
	case mediaType == mediaTypes["protobuf"] && params["stream"] == "watch":
		value = decodeFrames(body)
	case mediaType == mediaTypes["protobuf"]:
		value = decodeProtobuf(body)
	}
	if value == nil {
		return string(body)
	}
	return value
}

// decodeJSON returns the value, or a list of them if there are several, as in a
// watch. How the text is laid out is a value of its own.
func decodeJSON(body []byte) any {
	var all []any
	decoder := json.NewDecoder(bytes.NewReader(body))
	for {
		var value any
		err := decoder.Decode(&value)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil
		}
		all = append(all, value)
	}
	layout := map[string]any{"indented": bytes.Contains(body, []byte("\n  ")), "ends a line": bytes.HasSuffix(body, []byte("\n"))}
	if len(all) == 1 {
		return map[string]any{"value": all[0], "layout": layout}
	}
	return map[string]any{"values": all, "layout": layout}
}

// decodeProtobuf shows the envelope and the object in it, as JSON would have it.
func decodeProtobuf(body []byte) any {
	message, enveloped := bytes.CutPrefix(body, []byte("k8s\x00"))
	var unknown runtime.Unknown
	if !enveloped || unknown.Unmarshal(message) != nil {
		return nil
	}
	shown := map[string]any{"apiVersion": unknown.APIVersion, "kind": unknown.Kind, "contentType": unknown.ContentType}
	object, _, err := codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		shown["value"] = fmt.Sprintf("%q", unknown.Raw)
		return shown
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil
	}
	var value any
	if json.Unmarshal(text, &value) != nil {
		return nil
	}
	shown["value"] = value
	return shown
}

func decodeFrames(body []byte) any {
	var all []any
	for from := bufio.NewReader(bytes.NewReader(body)); ; {
		frame, err := readFrame(from, mediaTypes["protobuf"])
		if err != nil {
			return map[string]any{"values": all}
		}
		var event metav1.WatchEvent
		if event.Unmarshal(frame[4:]) != nil {
			return nil
		}
		all = append(all, map[string]any{"type": event.Type, "object": decodeProtobuf(event.Object.Raw)})
	}
}
