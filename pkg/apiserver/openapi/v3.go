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
	Schemas         map[string]*schema           `json:"schemas,omitempty"`
	SecuritySchemes map[string]map[string]string `json:"securitySchemes"`
}

type operation3 struct {
	Description string               `json:"description"`
	ID          string               `json:"operationId"`
	Parameters  []parameter3         `json:"parameters,omitempty"`
	RequestBody *body3               `json:"requestBody,omitempty"`
	Responses   map[string]response3 `json:"responses"`
	Tags        []string             `json:"tags"`
	Action      string               `json:"x-kubernetes-action,omitempty"`
	Kind        *groupVersionKind    `json:"x-kubernetes-group-version-kind,omitempty"`
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

// v3 writes one page.
func (d *documents) v3(page string) (*document, error) {
	var gv runtimeschema.GroupVersion
	for _, s := range d.served {
		if strings.TrimPrefix(s.root(), "/") == page {
			gv = s.gv
		}
	}
	m, err := d.newModels(openapi3, gv)
	if err != nil {
		return nil, err
	}
	doc := document3{
		OpenAPI: "3.0.0", Info: info{"Kubernetes", d.version},
		Paths: map[string]map[string]any{},
		Components: components3{m.schemas, map[string]map[string]string{
			"BearerToken": {"type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header"}}},
	}
	addPaths(doc.Paths, d.pages()[page], parameters3, m.operation3)
	for _, s := range d.served {
		if s.gv == gv {
			m.add(s.object)
		}
	}
	return build(doc, openapi_v3.ParseDocument)
}

func parameters3(path string, query []parameter) (params []parameter3) {
	for _, p := range pathParameters(path) {
		params = append(params, parameter3{Name: p.name, In: "path", Description: p.description, Required: true, Schema: &schema{Type: "string", Unique: true}})
	}
	for _, p := range query {
		params = append(params, parameter3{Name: p.name, In: "query", Description: p.description, Schema: &schema{Type: p.kind, Unique: true}})
	}
	return params
}

func (m *models) operation3(op operation) operation3 {
	out := operation3{
		Description: op.description, ID: op.id, Tags: []string{op.tag}, Action: op.action, Kind: op.about(),
		Parameters: parameters3("", op.query),
		Responses:  map[string]response3{"401": {Description: "Unauthorized"}},
	}
	if op.body != nil {
		types := []string{"*/*"}
		if op.action == "patch" {
			types = patchTypes
		}
		out.RequestBody = &body3{content(types, &schema{Ref: m.refPrefix + m.add(op.body)}), !op.bodyOptional}
	}
	answer := &schema{Type: "string"}
	if op.answer != nil {
		answer = &schema{Ref: m.refPrefix + m.add(op.answer)}
	}
	for code, text := range op.codes() {
		out.Responses[code] = response3{text, content(op.produces, answer)}
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
