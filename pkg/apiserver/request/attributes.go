package request

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
)

// Authorization is the question that an authorizer answers. Reviews ask it
// about others than the one who sends the request.
type Authorization struct {
	User *User
	Info *Info
}

// Operation is what a write does, in admission's words.
type Operation string

// The operations of admission.k8s.io/v1.
const (
	Create  Operation = "CREATE"
	Update  Operation = "UPDATE"
	Delete  Operation = "DELETE"
	Connect Operation = "CONNECT"
)

// Attributes is what admission is asked about: one write.
//
// Object and OldObject are of the served version. Mutate may change Object and
// nothing else; Validate changes nothing.
type Attributes struct {
	Operation   Operation
	User        *User
	Kind        schema.GroupVersionKind
	Resource    schema.GroupVersionResource
	Subresource string
	Namespace   string // empty for cluster-wide objects
	Name        string // may be empty on create with generateName

	// Definition is the resource's; of the parent for subresources.
	Definition *api.Resource

	Object    api.Object // nil on delete and connect
	OldObject api.Object // nil on create
	// Options is the *metav1.CreateOptions, UpdateOptions, PatchOptions or
	// DeleteOptions of the request; on connect the connection's options object.
	Options runtime.Object
	DryRun  bool
}
