package http2

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// ofConnection says whether a header, in lower case, is one that HTTP/1 keeps between
// two neighbours, and that has no place here.
//
// https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2
func ofConnection(name string) bool {
	switch name {
	case "connection", "proxy-connection", "transfer-encoding", "upgrade", "keep-alive":
		return true
	}
	return false
}

// inform adds and sends an answer before the answer.
func (s *stream) inform(status int, fields http.Header) error {
	if err := s.waitForRoom(); err != nil {
		return err
	}
	if err := s.conn.pack(status, fields); err != nil {
		return err
	}
	if err := s.conn.addHeaders(s.id, false); err != nil {
		return err
	}
	s.conn.flush(false)
	return nil
}

// pack encodes the headers of an answer.
func (c *conn) pack(status int, fields http.Header) error {
	if err := c.encoder.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(status)}); err != nil {
		return err
	}
	return c.packFields(fields)
}

func (c *conn) packFields(fields http.Header) error {
	names := make([]string, 0, 16)
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lower := lowerName(name)
		if !httpguts.ValidHeaderFieldName(lower) || strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		if ofConnection(lower) {
			continue
		}
		for _, value := range fields[name] {
			if !httpguts.ValidHeaderFieldValue(value) {
				continue
			}
			if err := c.encoder.WriteField(hpack.HeaderField{Name: lower, Value: value}); err != nil {
				return err
			}
		}
	}
	return nil
}

// lowerNames are those of nearly every answer.
var lowerNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{"Audit-Id", "Cache-Control", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Vary",
		"Warning", "X-Content-Type-Options", "X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid"} {
		names[name] = strings.ToLower(name)
	}
	return names
}()

func lowerName(name string) string {
	if lower, ok := lowerNames[name]; ok {
		return lower
	}
	return strings.ToLower(name)
}

// addHeaders adds the frames of what the encoder has made.
func (c *conn) addHeaders(id uint32, end bool) error {
	block := c.encoded.Bytes()
	defer c.encoded.Reset()
	first := block[:min(len(block), frameSize)]
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: end, EndHeaders: len(first) == len(block)})
	for block = block[len(first):]; err == nil && len(block) > 0; {
		next := block[:min(len(block), frameSize)]
		block = block[len(next):]
		err = c.framer.WriteContinuation(id, len(block) == 0, next)
	}
	return err
}
