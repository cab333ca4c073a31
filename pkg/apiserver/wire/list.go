package wire

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Lists: a head, the kept bytes of each item, a tail.

var (
	listTail  = []byte("]}")
	itemOpen  = []byte("{")
	itemComma = []byte(",")
	itemNext  = []byte(",{")
)

// ListBody returns the body that answers with many objects.
func (k *Kind) ListBody(media Media, items []Source, meta metav1.ListMeta, options *metav1.TableOptions) (Parts, error) {
	switch {
	case media.As.Kind == "Table":
		return k.table(media, items, meta, options)
	case media.As.Kind == "PartialObjectMetadata":
		return nil, unacceptable(fmt.Sprintf("you requested PartialObjectMetadata, but the requested object is a list (*%s.%s)", internalPackage(k.GVK.Group), k.List.Kind))
	case media.Type == runtime.ContentTypeProtobuf:
		return k.protoList(media, items, meta)
	case media.Type == runtime.ContentTypeCBOR:
		return k.cborList(media, items, meta)
	}
	return k.jsonList(media, items, meta)
}

func (k *Kind) jsonList(media Media, items []Source, meta metav1.ListMeta) (Parts, error) {
	metadata, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	s := k.shape(media)
	version, kind := k.listKind(s, media).ToAPIVersionAndKind()
	parts := make(Parts, 0, 2*len(items)+2)
	parts = append(parts, fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,"metadata":%s,"items":[`, kind, version, metadata))
	for i, item := range items {
		if !media.As.Empty() { // partial objects say what they are, in lists too
			object, err := s.object(media, item)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				parts = append(parts, itemComma)
			}
			parts = append(parts, object...)
			continue
		}
		data, err := item.Bytes(s.json)
		if err != nil {
			return nil, err
		}
		open := itemNext
		if i == 0 {
			open = itemOpen
		}
		parts = append(parts, open, s.rest(data))
	}
	return append(parts, listTail), nil
}

// protoList: ListMeta is field 1 of every list message, items are field 2.
func (k *Kind) protoList(media Media, items []Source, meta metav1.ListMeta) (Parts, error) {
	s := k.shape(media)
	metadata, err := meta.Marshal()
	if err != nil {
		return nil, err
	}
	head := appendField(nil, 1, metadata)
	size := len(head)
	parts := make(Parts, 2, 2*len(items)+3)
	for _, item := range items {
		raw, err := item.Bytes(s.proto)
		if err != nil {
			return nil, err
		}
		tag := appendHead(nil, 2, len(raw))
		size += len(tag) + len(raw)
		parts = append(parts, tag, raw)
	}
	parts[0], parts[1] = envelopeHead(k.listKind(s, media), size), head
	return append(parts, unknownTail), nil
}

func (k *Kind) listKind(s shape, media Media) schema.GroupVersionKind {
	if media.As.Empty() {
		return k.List
	}
	return s.gvk.GroupVersion().WithKind("PartialObjectMetadataList")
}
