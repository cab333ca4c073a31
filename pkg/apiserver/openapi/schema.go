package openapi

// Schema is the part of JSON Schema that Kubernetes uses, with its extensions.
// Its JSON is valid in OpenAPI 2.0 and 3.0; only where references point differs.
type schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	AllOf                []schema           `json:"allOf,omitempty"`
	OneOf                []schema           `json:"oneOf,omitempty"`
	Description          string             `json:"description,omitempty"`
	Type                 string             `json:"type,omitempty"`
	Format               string             `json:"format,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Default              any                `json:"default,omitempty"`
	Required             []string           `json:"required,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	Unique               bool               `json:"uniqueItems,omitempty"`
	AdditionalProperties *schema            `json:"additionalProperties,omitempty"`

	ListType      string             `json:"x-kubernetes-list-type,omitempty"`
	ListMapKeys   []string           `json:"x-kubernetes-list-map-keys,omitempty"`
	MapType       string             `json:"x-kubernetes-map-type,omitempty"`
	PatchStrategy string             `json:"x-kubernetes-patch-strategy,omitempty"`
	PatchMergeKey string             `json:"x-kubernetes-patch-merge-key,omitempty"`
	Unions        []any              `json:"x-kubernetes-unions,omitempty"`
	Kinds         []groupVersionKind `json:"x-kubernetes-group-version-kind,omitempty"`
}

type groupVersionKind struct {
	Group   string `json:"group"`
	Kind    string `json:"kind"`
	Version string `json:"version"`
}
