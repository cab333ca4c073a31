// Package wire turns objects into the bytes that clients read and request bodies
// into objects.
//
// What the server answers is composed, not encoded: a Kind owns the
// storage.Forms of its objects, a Record keeps the bytes of each Form that was
// ever asked for, and lists, watch frames and Table rows are those bytes between
// heads and tails that this package writes. So an object revision is encoded
// at most once per media type, however many answers carry it.
//
// An answer goes, in this order, through:
//
//	Negotiate     the Accept header -> Media; nothing is acceptable -> 406
//	Kind          the bytes of each object in that Media
//	Media.Object, Media.List, Media.Frames   heads, items, tails
//	Respond       headers, warnings, pretty printing, gzip
//
// JSON, protobuf (proto.go) and CBOR (cbor.go) are kept; YAML is made of the JSON.
//
// Errors are metav1.Status, made in StatusOf and written in Error, nowhere else.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
package wire
