package openapi

import (
	"strings"

	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

type document3 struct {
	OpenAPI    string                    `json:"openapi"`
	Info       info                      `json:"info"`
	Paths      map[string]map[string]any `json:"paths"`
	Components components3               `json:"components"`
}

type components3 struct {
	Schemas         map[string]*schema           `json:"schemas"`
	SecuritySchemes map[string]map[string]string `json:"securitySchemes"`
}

type operation3 struct {
	Description string               `json:"description"`
	ID          string               `json:"operationId"`
	Parameters  []parameter3         `json:"parameters,omitempty"`
	RequestBody *body3               `json:"requestBody,omitempty"`
	Responses   map[string]response3 `json:"responses"`
	Tags        []string             `json:"tags"`
	Action      string               `json:"x-kubernetes-action"`
	Kind        groupVersionKind     `json:"x-kubernetes-group-version-kind"`
}

type parameter3 struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *schema `json:"schema"`
}

type body3 struct {
	Content  map[string]media3 `json:"content"`
	Required bool              `json:"required,omitempty"`
}

type response3 struct {
	Description string            `json:"description"`
	Content     map[string]media3 `json:"content,omitempty"`
}

type media3 struct {
	Schema *schema `json:"schema"`
}

// v3 writes the document of one group-version.
func (d *documents) v3(gv runtimeschema.GroupVersion) (*document, error) {
	m, err := d.newModels(openapi3)
	if err != nil {
		return nil, err
	}
	doc := document3{
		OpenAPI: "3.0.0", Info: info{"Kubernetes", d.version},
		Paths: map[string]map[string]any{},
		Components: components3{m.schemas, map[string]map[string]string{
			"BearerToken": {"type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header"}}},
	}
	for _, s := range d.served {
		if s.gv != gv {
			continue
		}
		m.add(s.object)
		for _, op := range s.operations() {
			path := doc.Paths[op.path]
			if path == nil {
				path = map[string]any{"parameters": pathParameters3(op.path)}
				doc.Paths[op.path] = path
			}
			path[strings.ToLower(op.method)] = m.operation3(op)
		}
	}
	return build(doc, openapi_v3.ParseDocument)
}

func pathParameters3(path string) (params []parameter3) {
	for _, p := range pathParameters(path) {
		params = append(params, parameter3{Name: p.name, In: "path", Description: p.description, Required: true, Schema: &schema{Type: "string"}})
	}
	return append(params, parameter3{Name: pretty.name, In: "query", Description: pretty.description, Schema: &schema{Type: pretty.kind}})
}

func (m *models) operation3(op operation) operation3 {
	out := operation3{
		Description: op.description, ID: op.id, Tags: []string{op.tag}, Action: op.action,
		Responses: map[string]response3{"401": {Description: "Unauthorized"}},
		Kind:      groupVersionKind{op.kind.Group, op.kind.Kind, op.kind.Version},
	}
	for _, p := range op.query {
		out.Parameters = append(out.Parameters, parameter3{Name: p.name, In: "query", Description: p.description, Schema: &schema{Type: p.kind}})
	}
	if op.body != nil {
		types := []string{"*/*"}
		if op.action == "patch" {
			types = patchTypes
		}
		out.RequestBody = &body3{content(types, &schema{Ref: m.refPrefix + m.add(op.body)}), !op.bodyOptional}
	}
	types, answer := bodyTypes, &schema{Type: "string"}
	if op.action == "list" {
		types = answerTypes
	}
	if op.answer != nil {
		answer = &schema{Ref: m.refPrefix + m.add(op.answer)}
	} else {
		types = []string{"*/*"}
	}
	for code, text := range op.codes() {
		out.Responses[code] = response3{text, content(types, answer)}
	}
	return out
}

func content(types []string, s *schema) map[string]media3 {
	c := map[string]media3{}
	for _, t := range types {
		c[t] = media3{s}
	}
	return c
}
