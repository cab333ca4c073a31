package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// step is one request.
type step struct {
	Do   string          `json:"do"`   // METHOD /path?query
	Body json.RawMessage `json:"body"` // any value, sent as JSON
	Raw  string          `json:"raw"`  // instead of body: the text that is sent
	// Type is the body's: json (the default; for a PATCH it is a JSON patch), merge,
	// strategic, apply, yaml, protobuf, cbor, none for no Content-Type, or a media type.
	Type   string            `json:"type"`
	Accept string            `json:"accept"`
	Header map[string]string `json:"header"` // an empty value leaves a header out, even Authorization
	// Save keeps values of the answer under names, for ${name} in what later steps of
	// the file send: {rv: metadata.resourceVersion, first: items.0.metadata.name}.
	Save    map[string]string `json:"save"`
	Frames  int               `json:"frames"`  // of a watch: how many events are read before it is left; 0 waits for its end
	Differs string            `json:"differs"` // why the answers differ; that they are the same is a failure then
	// Except says of single values of the body, by their dotted paths, why they differ:
	// {metadata.managedFields: "..."}. All else must be the same.
	Except map[string]string `json:"except"`
}

var mediaTypes = map[string]string{
	"": "application/json", "json": "application/json", "yaml": "application/yaml", "cbor": "application/cbor",
	"protobuf": "application/vnd.kubernetes.protobuf", "merge": "application/merge-patch+json",
	"strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml",
}

// topics reads the files of steps by their names.
func topics() (map[string][]step, error) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		return nil, err
	}
	all := map[string][]step{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		steps, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = steps
	}
	return all, nil
}

// parse reads the steps of a file. Only true and false are booleans: x, y and n are labels.
func parse(text []byte) ([]step, error) {
	var values any
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.DisallowUnknownFields()
	var steps []step
	err = decoder.Decode(&steps)
	return steps, err
}

// target is the method and the path.
func (s step) target() (method, path string) {
	method, path, _ = strings.Cut(s.Do, " ")
	return method, path
}

// contentType is the header that goes with the body.
func (s step) contentType() string {
	method, _ := s.target()
	switch {
	case s.Type == "none" || s.text() == "":
		return ""
	case strings.Contains(s.Type, "/"):
		return s.Type
	case method == "PATCH" && s.Type == "json":
		return "application/json-patch+json"
	}
	return mediaTypes[s.Type]
}

// text is the body as the file has it, before names are filled in.
func (s step) text() string {
	if s.Raw != "" {
		return s.Raw
	}
	return string(s.Body)
}

// encode brings the text of a body into the form of the step's type.
func (s step) encode(text string) ([]byte, error) {
	if s.Raw != "" || s.Type != "protobuf" && s.Type != "cbor" {
		return []byte(text), nil
	}
	object, _, err := codecs.UniversalDeserializer().Decode([]byte(text), nil, nil)
	if err != nil {
		return nil, err
	}
	return encodeAs(mediaTypes[s.Type], object)
}

func (s step) String() string {
	words := []string{s.Do}
	if text := s.text(); text != "" {
		words = append(words, s.contentType(), text)
	}
	if s.Accept != "" {
		words = append(words, "Accept: "+s.Accept)
	}
	for name, value := range s.Header {
		words = append(words, name+": "+value)
	}
	return strings.Join(words, " ")
}
