package openapi

import (
	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// The media types that bodies come in.
var (
	bodyTypes   = []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}
	streamTypes = append(bodyTypes[:len(bodyTypes):len(bodyTypes)], "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
	patchTypes  = []string{"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"}
)

type info struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

type document2 struct {
	Swagger             string                       `json:"swagger"`
	Info                info                         `json:"info"`
	Paths               map[string]map[string]any    `json:"paths"`
	Definitions         map[string]*schema           `json:"definitions"`
	SecurityDefinitions map[string]map[string]string `json:"securityDefinitions"`
	Security            []map[string][]string        `json:"security"`
}

type operation2 struct {
	Consumes    []string             `json:"consumes,omitempty"`
	Description string               `json:"description"`
	ID          string               `json:"operationId"`
	Parameters  []parameter2         `json:"parameters,omitempty"`
	Produces    []string             `json:"produces"`
	Responses   map[string]response2 `json:"responses"`
	Schemes     []string             `json:"schemes"`
	Tags        []string             `json:"tags"`
	Action      string               `json:"x-kubernetes-action,omitempty"`
	Kind        *groupVersionKind    `json:"x-kubernetes-group-version-kind,omitempty"`
}

type parameter2 struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *schema `json:"schema,omitempty"`
	Type        string  `json:"type,omitempty"`
	Unique      bool    `json:"uniqueItems,omitempty"`
}

type response2 struct {
	Description string  `json:"description"`
	Schema      *schema `json:"schema,omitempty"`
}

// v2 writes the document of everything.
func (d *documents) v2() (*document, error) {
	m, err := d.newModels(swagger2, runtimeschema.GroupVersion{})
	if err != nil {
		return nil, err
	}
	doc := document2{
		Swagger: "2.0", Info: info{"Kubernetes", d.version},
		Paths:               map[string]map[string]any{},
		Definitions:         m.schemas,
		SecurityDefinitions: map[string]map[string]string{"BearerToken": {"description": "Bearer Token authentication", "type": "apiKey", "name": "authorization", "in": "header"}},
		Security:            []map[string][]string{{"BearerToken": {}}},
	}
	for _, ops := range d.pages() {
		addPaths(doc.Paths, ops, parameters2, m.operation2)
	}
	for _, s := range d.served {
		m.add(s.object)
	}
	return build(doc, openapi_v2.ParseDocument)
}

func parameters2(path string, query []parameter) (params []parameter2) {
	for _, p := range pathParameters(path) {
		params = append(params, parameter2{Name: p.name, In: "path", Description: p.description, Required: true, Type: "string", Unique: true})
	}
	for _, p := range query {
		params = append(params, parameter2{Name: p.name, In: "query", Description: p.description, Type: p.kind, Unique: true})
	}
	return params
}

func (m *models) operation2(op operation) operation2 {
	out := operation2{
		Consumes: []string{"*/*"}, Description: op.description, ID: op.id, Produces: op.produces,
		Responses: map[string]response2{"401": {Description: "Unauthorized"}},
		Schemes:   []string{"https"}, Tags: []string{op.tag}, Action: op.action, Kind: op.about(),
	}
	if op.consumes != nil {
		out.Consumes = op.consumes
	}
	if op.body != nil {
		out.Parameters = append(out.Parameters, parameter2{Name: "body", In: "body", Required: !op.bodyOptional, Schema: &schema{Ref: m.refPrefix + m.add(op.body)}})
	}
	out.Parameters = append(out.Parameters, parameters2("", op.query)...)
	answer := &schema{Type: "string"}
	if op.answer != nil {
		answer = &schema{Ref: m.refPrefix + m.add(op.answer)}
	}
	for code, text := range op.codes() {
		out.Responses[code] = response2{Description: text, Schema: answer}
	}
	return out
}

// about is the kind of an operation on a resource.
func (o operation) about() *groupVersionKind {
	if o.action == "" {
		return nil
	}
	return &groupVersionKind{o.kind.Group, o.kind.Kind, o.kind.Version}
}
