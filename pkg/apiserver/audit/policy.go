package audit

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// Policy says what is written of which request: the first rule that a request
// matches; nothing if there is none.
//
// https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Policy
type Policy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Rules             []Rule  `json:"rules"`
	OmitStages        []Stage `json:"omitStages,omitempty"`
	OmitManagedFields bool    `json:"omitManagedFields,omitempty"`
}

// Rule is what is written of the requests that match all of its conditions. An
// empty condition matches everything.
type Rule struct {
	Level             Level            `json:"level"`
	Users             []string         `json:"users,omitempty"`
	UserGroups        []string         `json:"userGroups,omitempty"`
	Verbs             []string         `json:"verbs,omitempty"`
	Resources         []GroupResources `json:"resources,omitempty"`
	Namespaces        []string         `json:"namespaces,omitempty"`
	NonResourceURLs   []string         `json:"nonResourceURLs,omitempty"`
	OmitStages        []Stage          `json:"omitStages,omitempty"`
	OmitManagedFields *bool            `json:"omitManagedFields,omitempty"` // nil: the policy's
}

// GroupResources are resources of one API group; all of them if none is named.
type GroupResources struct {
	Group         string   `json:"group,omitempty"`
	Resources     []string `json:"resources,omitempty"` // pods, pods/log, pods/*, */status, *
	ResourceNames []string `json:"resourceNames,omitempty"`
}

// Level is how much is written of a request.
type Level string

// The levels, each with all of the one before.
const (
	LevelNone            Level = "None"
	LevelMetadata        Level = "Metadata"        // who, what, how it ended
	LevelRequest         Level = "Request"         // and the body of the request
	LevelRequestResponse Level = "RequestResponse" // and that of the answer
)

var levels = []Level{LevelNone, LevelMetadata, LevelRequest, LevelRequestResponse}

// atLeast says whether l includes all of other.
func (l Level) atLeast(other Level) bool {
	return slices.Index(levels, l) >= slices.Index(levels, other)
}

// Stage is a moment in a request's life at which an event is written.
type Stage string

// The stages.
const (
	RequestReceived  Stage = "RequestReceived"
	ResponseStarted  Stage = "ResponseStarted" // of long-running requests: the answer goes on
	ResponseComplete Stage = "ResponseComplete"
	Panic            Stage = "Panic"
)

var stages = []Stage{RequestReceived, ResponseStarted, ResponseComplete, Panic}

// everything is the policy of a server that is given none.
var everything = &Policy{Rules: []Rule{{Level: LevelMetadata}}, OmitStages: []Stage{RequestReceived}}

// ReadPolicy reads and checks a policy file.
func ReadPolicy(path string) (*Policy, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	policy := &Policy{}
	if err := yaml.UnmarshalStrict(data, policy); err != nil {
		return nil, fmt.Errorf("%s is no audit policy: %w", path, err)
	}
	if policy.APIVersion != version || policy.Kind != "Policy" {
		return nil, fmt.Errorf("%s is a %q of %q: give a Policy of %s", path, policy.Kind, policy.APIVersion, version)
	}
	if len(policy.Rules) == 0 {
		return nil, fmt.Errorf("%s has no rules, so nothing would be written: give at least one", path)
	}
	if errs := policy.validate(); len(errs) > 0 {
		return nil, fmt.Errorf("%s: %w", path, errs.ToAggregate())
	}
	return policy, nil
}

func (p *Policy) validate() field.ErrorList {
	errs := validateStages(p.OmitStages, field.NewPath("omitStages"))
	for i, rule := range p.Rules {
		errs = append(errs, rule.validate(field.NewPath("rules").Index(i))...)
	}
	return errs
}

func (r *Rule) validate(path *field.Path) (errs field.ErrorList) {
	switch {
	case r.Level == "":
		errs = append(errs, field.Required(path.Child("level"), ""))
	case !slices.Contains(levels, r.Level):
		errs = append(errs, field.NotSupported(path.Child("level"), r.Level, levels))
	}
	for i, url := range r.NonResourceURLs {
		if problem := badURL(url); problem != nil {
			errs = append(errs, field.Invalid(path.Child("nonResourceURLs").Index(i), url, problem.Error()))
		}
	}
	for i, group := range r.Resources {
		errs = append(errs, group.validate(path.Child("resources").Index(i))...)
	}
	errs = append(errs, validateStages(r.OmitStages, path.Child("omitStages"))...)
	if len(r.NonResourceURLs) > 0 && (len(r.Resources) > 0 || len(r.Namespaces) > 0) {
		errs = append(errs, field.Invalid(path.Child("nonResourceURLs"), r.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
	}
	return errs
}

func (g *GroupResources) validate(path *field.Path) (errs field.ErrorList) {
	// The group is written in upper or lower case; that of the core is empty.
	if g.Group != "" {
		for _, problem := range validation.IsDNS1123Subdomain(strings.ToLower(g.Group)) {
			errs = append(errs, field.Invalid(path.Child("group"), g.Group, problem))
		}
	}
	if len(g.ResourceNames) > 0 && len(g.Resources) == 0 {
		errs = append(errs, field.Invalid(path.Child("resourceNames"), g.ResourceNames, "using resourceNames requires at least one resource"))
	}
	return errs
}

func validateStages(list []Stage, path *field.Path) (errs field.ErrorList) {
	for i, stage := range list {
		if !slices.Contains(stages, stage) {
			errs = append(errs, field.Invalid(path.Index(i), stage, "allowed stages are RequestReceived, ResponseStarted, ResponseComplete, Panic"))
		}
	}
	return errs
}

func badURL(url string) error {
	switch {
	case url == "*":
	case !strings.HasPrefix(url, "/"):
		return errors.New("non-resource URL rules must begin with a '/' character")
	case url != "" && strings.Contains(url[:len(url)-1], "*"):
		return errors.New("non-resource URL wildcards '*' must be the final character of the rule")
	}
	return nil
}
