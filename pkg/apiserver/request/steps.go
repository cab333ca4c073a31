package request

import (
	"context"
	"net/http"
)

// The steps of the chain that other packages implement. All of them are called
// from many requests at once.

// Authenticator finds who a request comes from. It returns false when the
// request carries no credential that it knows, and an error when it carries
// one that is not good. Both end in 401, unless the chain lets
// the path be read anonymously.
type Authenticator interface {
	Authenticate(r *http.Request) (*User, bool, error)
}

// Decision is an authorizer's answer. The zero value denies nothing and allows
// nothing: the next authorizer is asked, and in the end the request is refused.
type Decision int

// The decisions.
const (
	NoOpinion Decision = iota
	Allow
	Deny
)

// Authorizer says whether a request may be made. reason is shown to the client
// after a refusal and may be empty.
type Authorizer interface {
	Authorize(ctx context.Context, a *Authorization) (d Decision, reason string, err error)
}

// Admission may change a write (Mutate) and refuse it (Validate). A refusal is a
// StatusError of apimachinery's api/errors; any other error is an internal one.
// Mutate may be called again for the same request when the object changed
// underneath it. Both skip what they do not handle.
type Admission interface {
	Mutate(ctx context.Context, a *Attributes) error
	Validate(ctx context.Context, a *Attributes) error
}

// Auditor is the audit step: its handler serves next and writes down what was
// asked and answered. The context carries the State with Info and User set.
type Auditor interface {
	Audit(next http.Handler) http.Handler
}
